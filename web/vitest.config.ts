import { compileModule } from 'svelte/compiler';
import ts from 'typescript';
import { defineConfig, type Plugin } from 'vitest/config';

// Runes in modules, as a browser gets them: the plugin for pages makes what a server would run of them, in which nothing reacts to anything.
const runes: Plugin = {
  name: 'zapis-runes',
  enforce: 'pre',
  transform(code, id) {
    if (!id.endsWith('.svelte.ts')) return null;
    const js = ts.transpileModule(code, { compilerOptions: { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true } }).outputText;
    return { code: compileModule(js, { generate: 'client', filename: id }).js.code, map: null };
  },
};

export default defineConfig({
  plugins: [runes],
  resolve: { conditions: ['browser'] },
  ssr: { resolve: { conditions: ['browser'] }, noExternal: ['svelte', 'esm-env'] },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
