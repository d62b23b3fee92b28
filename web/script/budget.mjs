// Refuses a build whose scripts have grown: no page may need more than 60 KB (gzip) of script, or 10 KB of style. What an entry
// imports counts as part of it, and base.js, which every page loads, too. The check page, which is one file with its fonts, may have 300 KB.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const dist = fileURLToPath(new URL('../../internal/web/asset/dist/', import.meta.url));
const manifest = JSON.parse(readFileSync(dist + 'manifest.json', 'utf8'));
const size = (file) => gzipSync(readFileSync(dist + file), { level: 9 }).length;

function reach(file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const m of readFileSync(dist + file, 'utf8').matchAll(/(?:from|import)\s*["'`]\.\/([\w.-]+\.js)["'`]/g)) reach(m[1], seen);
  return seen;
}

let bad = false;
for (const [name, file] of Object.entries(manifest)) {
  if (!/\.(js|css)$/.test(name)) continue;
  const files = name.endsWith('.js') ? reach(file, reach(manifest['base.js'])) : new Set([file]);
  const total = [...files].reduce((sum, f) => sum + size(f), 0);
  const limit = name.endsWith('.js') ? 60 : 10;
  const over = total > limit * 1024;
  bad ||= over;
  console.log(`${name.padEnd(12)} ${(total / 1024).toFixed(1).padStart(6)} KB of ${limit}${over ? '  TOO MUCH' : ''}`);
}
const check = size('check.html');
bad ||= check > 300 * 1024;
console.log(`check.html   ${(check / 1024).toFixed(1).padStart(6)} KB of 300${check > 300 * 1024 ? '  TOO MUCH' : ''}`);
if (bad) process.exit(1);
