// Refuses catalogues in which Latin letters hide inside Russian or Ukrainian words, or in which a message was left untranslated.
// That keys, placeholders and plural forms agree is checked by the server's own tests.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../internal/web/locale/', import.meta.url));
const read = (code) => Object.assign({}, ...readdirSync(folder).filter((name) => name.startsWith(code) && name.endsWith('.json')).map((name) => JSON.parse(readFileSync(folder + name, 'utf8'))));
const en = read('en');
let bad = 0;
for (const code of ['ru', 'uk']) {
  const foreign = code === 'ru' ? /[іїєґІЇЄҐ]/ : /[ёъыэЁЪЫЭ]/;
  for (const [key, text] of Object.entries(read(code))) {
    const words = text.replace(/\{\w+(?:, plural,)?|\b(?:one|few|many|other)\{/g, ' ');
    const complain = (what) => { console.error(`${code} ${key}: ${what}: ${text}`); bad++; };
    if (/[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]/.test(words)) complain('mixed alphabets in one word');
    if (foreign.test(words)) complain('a letter of the other language');
    if (text === en[key] && /[a-z]{4}/i.test(words)) complain('not translated');
    if (/[^\s]\s{2,}|^\s(?!\u00a0)|\s$/.test(text.replace(/^\u00a0/, ''))) complain('stray space');
  }
}
if (bad) process.exit(1);
