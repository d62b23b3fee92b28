import { describe, expect, it } from 'vitest';
import en from '../../internal/web/locale/en.json';
import ru from '../../internal/web/locale/ru.json';
import uk from '../../internal/web/locale/uk.json';
import { clock, shortID, timecode, Words } from '../src/lib/message';

const catalogue = (code: string): Record<string, string> => ({ en, ru, uk })[code]!;
const plain = (s: string) => s.replace(/[\u00a0\u202f]/g, ' ');

describe('messages', () => {
  it.each([
    ['en', 1, '1 item'], ['en', 0, '0 items'], ['en', 12480, '12,480 items'], ['ru', 1, '1 материал'], ['ru', 3, '3 материала'], ['ru', 11, '11 материалов'],
    ['ru', 21, '21 материал'], ['ru', 112, '112 материалов'], ['uk', 2, '2 матеріали'], ['uk', 5, '5 матеріалів'], ['uk', 101, '101 матеріал'],
  ])('%s counts %d', (lang, n, want) => {
    expect(plain(new Words(lang, catalogue(lang)).t('archive.items', { n }))).toBe(want);
  });

  it('reads every message of every catalogue, and leaves nothing unfilled', () => {
    for (const lang of ['en', 'ru', 'uk']) {
      const all = catalogue(lang);
      const w = new Words(lang, all);
      for (const [key, text] of Object.entries(all)) {
        const names = [...text.matchAll(/\{(\w+)/g)].map((m) => m[1]!).filter((n) => new RegExp(`\\{${n}[,}]`).test(text));
        for (const n of [1, 2, 5, 11]) {
          const out = w.t(key, Object.fromEntries(names.map((x) => [x, n])));
          expect(out, `${lang} ${key}`).not.toMatch(/[{}]|undefined|NaN/);
        }
      }
    }
  });

  it('writes a missing key as itself and a missing value visibly', () => {
    const w = new Words('en', { a: 'x {y}' });
    expect(w.t('nosuch')).toBe('nosuch');
    expect(w.t('a')).toBe('x {y}');
  });

  it.each(['{n', '{n, select, a{b}}', '{n, plural, one{a}', '{n, plural, one{a'])('refuses %s', (text) => {
    expect(() => new Words('en', { a: text }).t('a', { n: 1 })).toThrow();
  });

  it('writes figures', () => {
    const english = new Words('en', en);
    const russian = new Words('ru', ru);
    expect(plain(english.bytes(812))).toBe('812 B');
    expect(plain(english.bytes(4_234_000_000))).toBe('4.2 GB');
    expect(plain(russian.bytes(4_234_000_000))).toBe('4,2 ГБ');
    expect(plain(english.duration(2_770_000))).toBe('46 min 10 s');
    expect(plain(english.duration(544_800_000))).toBe('151 h');
    expect(plain(english.duration(11_100_000))).toBe('3 h 5 min');
    expect(plain(english.duration(1500))).toBe('1.5 s');
    expect(plain(english.day('2020-07-27'))).toMatch(/^Monday,? 27 July 2020$/);
    expect(plain(russian.day('2020-07-27'))).toContain('27 июля 2020');
    expect(plain(english.datetime('2020-07-27T23:41:06Z'))).toBe('27 Jul 2020, 23:41:06 UTC');
    expect(english.datetime('x')).toBe('x');
  });
});

describe('clocks', () => {
  it.each([[0, '00:00'], [2_770_000, '46:10'], [3_723_000, '1:02:03']])('%d ms', (ms, want) => expect(clock(ms)).toBe(want));
  it.each([[0, 25, '00:00:00:00'], [24, 25, '00:00:00:24'], [25, 25, '00:00:01:00'], [21_558, 25, '00:14:22:08'], [30, 29.97, '00:00:01:00'], [29, 29.97, '00:00:00:29'], [10, 10, '00:00:01:00']])(
    'frame %d at %d', (f, fps, want) => expect(timecode(f, fps)).toBe(want));
  it('counts up without holes at odd rates', () => {
    for (const fps of [23.976, 29.97, 12.5, 59.94]) {
      const seen = new Set(Array.from({ length: 5000 }, (_, f) => timecode(f, fps)));
      expect(seen.size).toBe(5000);
    }
  });
  it('keeps the ends of a digest', () => expect(shortID('9f2c' + 'a'.repeat(56) + 'e1a7')).toBe('9f2c…e1a7'));
});
