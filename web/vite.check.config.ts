// Builds the check page: one HTML file with script, style, fonts and words inside, and a policy that allows nothing else. It lies beside the
// other built files, and the server gives it out as it is.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const languages = [{ code: 'en', name: 'English', dir: 'ltr' }, { code: 'ru', name: 'Русский', dir: 'ltr' }, { code: 'uk', name: 'Українська', dir: 'ltr' }];

// words gives the page its part of the one catalogue.
function words(): Plugin {
  return {
    name: 'zapis-words',
    resolveId: (id) => (id === 'virtual:words' ? '\0words' : null),
    load(id) {
      if (id !== '\0words') return null;
      const out = languages.map((l) => {
        const path = here(`../internal/web/locale/${l.code}.json`);
        this.addWatchFile(path);
        const all = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
        return { ...l, messages: Object.fromEntries(Object.entries(all).filter(([k]) => /^(check|unit)\./.test(k))) };
      });
      return `export const languages = ${JSON.stringify(out)};`;
    },
  };
}

// style is the tokens and fonts of the workspace, then the page's own sheet. Fonts go into the file.
function style(): string {
  const workspace = readFileSync(here('src/style/zapis.css'), 'utf8');
  const end = workspace.indexOf('\n* { box-sizing');
  if (end < 0) throw new Error('zapis.css no longer begins with its tokens');
  const tokens = workspace.slice(0, end).replace(/url\("([^"]+)"\)/g, (_, path: string) => `url(data:font/woff2;base64,${readFileSync(here(`src/style/${path}`)).toString('base64')})`);
  return (tokens + readFileSync(here('src/check/check.css'), 'utf8')).replace(/\/\*[\s\S]*?\*\//g, '').replace(/\n\s*/g, '\n').trim();
}

function document(script: string, css: string): string {
  const digest = (text: string) => `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;
  const policy = `default-src 'none'; script-src ${digest(script)}; style-src ${digest(css)}; font-src data:; img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'`;
  const mark = readFileSync(here('src/mark.svg')).toString('base64');
  return `<!doctype html>
<html lang="en" dir="ltr" data-scheme="system">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>Zapis</title>
<link rel="icon" type="image/svg+xml" href="data:image/svg+xml;base64,${mark}">
<style>${css}</style>
</head>
<body>
<noscript><p>This page checks files on your own machine and needs JavaScript for it. Nothing is sent anywhere. Without JavaScript use the program: zapis verify.</p></noscript>
<script>${script}</script>
</body>
</html>
`;
}

function onePage(): Plugin {
  return {
    name: 'zapis-one-page',
    generateBundle(_, bundle) {
      const chunks = Object.values(bundle).filter((b) => b.type === 'chunk');
      if (chunks.length !== 1 || chunks[0]!.imports.length) throw new Error('the check page must be one script');
      const script = chunks[0]!.code.trim();
      const css = style();
      if (/<\/(script|style)|<!--/i.test(script + css)) throw new Error('the script would end the element that it stands in');
      for (const file of Object.keys(bundle)) delete bundle[file];
      this.emitFile({ type: 'asset', fileName: 'check.html', source: document(script, css) });
    },
  };
}

export default defineConfig({
  root: here('.'),
  publicDir: false,
  plugins: [words(), onePage()],
  build: {
    outDir: here('../internal/web/asset/dist'),
    emptyOutDir: false, // the other entries are there already
    target: 'es2022',
    modulePreload: false,
    lib: { entry: here('src/check/main.ts'), formats: ['iife'], name: 'zapisCheck', fileName: () => 'check.js' },
  },
});
