// Refuses style sheets that name a physical side: a page must read the same way when the writing runs from right to left.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../src', import.meta.url));
export const physical = [
  /(^|[;{\s])(left|right|top|bottom)\s*:/,
  /(margin|padding|border|scroll-margin|scroll-padding)-(left|right|top|bottom)/,
  /(^|[;{\s])(min-|max-)?(width|height)\s*:/,
  /(float|clear|text-align)\s*:\s*(left|right)/,
  /border-(top|bottom)-(left|right)-radius/,
  /(^|[\s;{])inset\s*:\s*[^;\s]+\s+[^;\s]/,
];

// findings gives the offending lines of a style sheet. Media queries may speak of width: they measure the screen.
export function findings(css) {
  const plain = css.replace(/\/\*[\s\S]*?\*\//g, (c) => c.replace(/[^\n]/g, ' ')).replace(/@media[^{]*/g, '').replace(/url\([^)]*\)/g, '');
  return plain.split('\n').flatMap((line, i) => physical.filter((p) => p.test(line)).map((p) => `${i + 1}: ${p}`));
}

function sheets(dir) {
  return readdirSync(dir, { withFileTypes: true }).flatMap((e) => {
    const path = `${dir}/${e.name}`;
    return e.isDirectory() ? sheets(path) : /\.(css|svelte)$/.test(e.name) ? [path] : [];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let bad = 0;
  for (const path of sheets(root)) {
    const text = readFileSync(path, 'utf8');
    const css = path.endsWith('.css') ? text : [...text.matchAll(/<style[^>]*>([\s\S]*?)<\/style>/g)].map((m) => m[1]).join('\n');
    const inline = path.endsWith('.svelte') ? [...text.matchAll(/\sstyle(:(left|right|top|bottom|width|height)|\s*=)/g)].map((m) => `style attribute or physical side: ${m[0].trim()}`) : [];
    for (const f of [...findings(css), ...inline]) { console.error(`${path.slice(root.length + 1)}:${f}`); bad++; }
  }
  if (bad) process.exit(1);
}
