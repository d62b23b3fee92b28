import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const entries = ['base', 'archive', 'item', 'live', 'mask', 'passkey'];

// One file with every icon that a page may use, made from the pinned icon package; see icons.json.
function sprite(): string {
  const icons = JSON.parse(readFileSync(here('icons.json'), 'utf8')) as Record<string, string>;
  const symbols = Object.entries(icons).map(([name, source]) => {
    const svg = readFileSync(here(`node_modules/lucide-static/icons/${source}.svg`), 'utf8');
    const inner = svg.replace(/^[\s\S]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '').replace(/\s*\n\s*/g, '');
    return `<symbol id="${name}" viewBox="0 0 24 24">${inner}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>`;
}

// manifest.json leads from plain names to hashed ones: {"archive.js": "archive-Dx3f.js"}. The server reads nothing else.
function manifest(): Plugin {
  return {
    name: 'zapis-manifest',
    buildStart() {
      this.emitFile({ type: 'asset', name: 'icons.svg', source: sprite() });
      this.emitFile({ type: 'asset', name: 'mark.svg', source: readFileSync(here('src/mark.svg'), 'utf8') });
    },
    generateBundle(_, bundle) {
      const flat: Record<string, string> = {};
      for (const [file, out] of Object.entries(bundle)) {
        if (out.type === 'chunk' && out.isEntry && entries.includes(out.name)) flat[`${out.name}.js`] = file;
        if (out.type === 'asset') for (const name of out.names) if (/^(icons|mark)\.svg$|\.css$/.test(name)) flat[name] = file;
      }
      if (!flat['zapis.css']) throw new Error('no style sheet came out of the build');
      const sorted = Object.fromEntries(Object.entries(flat).sort(([a], [b]) => (a < b ? -1 : 1)));
      this.emitFile({ type: 'asset', fileName: 'manifest.json', source: JSON.stringify(sorted, null, 1) + '\n' });
    },
  };
}

export default defineConfig({
  root: here('.'),
  base: './',
  publicDir: false,
  plugins: [svelte(), manifest()],
  build: {
    outDir: here('../internal/web/asset/dist'),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: true,
    rollupOptions: {
      input: { ...Object.fromEntries(entries.map((e) => [e, here(`src/entry/${e}.ts`)])), zapis: here('src/style/zapis.css'), catalogue: here('src/style/catalogue.css'), note: here('src/style/note.css'), plan: here('src/style/plan.css') },
      output: { entryFileNames: '[name]-[hash].js', chunkFileNames: '[name]-[hash].js', assetFileNames: '[name]-[hash][extname]' },
    },
  },
});
