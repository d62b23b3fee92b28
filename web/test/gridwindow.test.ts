import { describe, expect, it } from 'vitest';
import { append, bins, type Day, group, marks, mostPages, pageSize, prepend, type Row, step, type Window } from '../src/lib/gridwindow';

const row = (n: number, day = '2020-07-27'): Row => ({ id: `it_${n}`, ref: '', kind: 'video', state: 'ready', reason: '', at: '', known: true, day, ms: 0, bytes: 0, micro: '', acc: '', camera: '', w: 0, h: 0, copies: 1, difficulty: -1, anomalies: 0 });
const rows = (from: number, n: number, day?: (i: number) => string) => Array.from({ length: n }, (_, i) => row(from + i, day?.(from + i)));
const cursor = (r: Row) => r.id;
const limit = pageSize * mostPages;

describe('the window', () => {
  it('never holds more than seven pages, whichever way one goes, and always knows how to go back', () => {
    let w: Window = { rows: rows(0, pageSize), before: null, after: 'x' };
    for (let p = 1; p < 20; p++) {
      w = append(w, rows(p * pageSize, pageSize, (i) => `day${Math.floor(i / 333)}`), 'x', cursor, 5);
      expect(w.rows.length).toBeLessThanOrEqual(limit);
      expect(w.rows.map((r) => r.id)).toEqual(rows(Number(w.rows[0]!.id.slice(3)), w.rows.length).map((r) => r.id));
      if (w.rows[0]!.id !== 'it_0') expect(w.before).toBe(w.rows[0]!.id);
    }
    expect(w.rows.at(-1)!.id).toBe(`it_${20 * pageSize - 1}`);
    while (w.rows[0]!.id !== 'it_0') {
      const first = Number(w.rows[0]!.id.slice(3));
      const n = Math.min(pageSize, first);
      w = prepend(w, rows(first - n, n).reverse(), first - n ? 'y' : null, cursor);
      expect(w.rows.length).toBeLessThanOrEqual(limit);
      expect(w.after).toBe(w.rows.length === limit ? w.rows.at(-1)!.id : w.after);
    }
    expect(w.before).toBe(null);
  });

  it('holds a row once, even if the server gives it twice', () => {
    const w = append({ rows: rows(0, 10), before: null, after: 'x' }, rows(5, 10), null, cursor);
    expect(new Set(w.rows.map((r) => r.id)).size).toBe(w.rows.length);
    expect(w.after).toBe(null);
    expect(prepend(w, rows(0, 5), null, cursor).rows).toHaveLength(15);
  });

  it('cuts inside a day only at the end of a line', () => {
    const w = append({ rows: rows(0, limit), before: null, after: 'x' }, rows(limit, 3), 'x', cursor, 4);
    expect(Number(w.rows[0]!.id.slice(3)) % 4).toBe(0);
    expect(w.rows.length).toBeLessThanOrEqual(limit);
  });
});

describe('the rail', () => {
  const days: Day[] = [['1970-01-01', 2, 0], ['2020-06-30', 5, 0], ['2020-07-01', 7, 0], ['2020-07-27', 1, 0], ['2021-01-01', 3, 0]];
  it('lists months that hold something, in the order of the list', () => {
    expect(marks(days, 'newest').map((m) => [m.month, m.count])).toEqual([['2021-01', 3], ['2020-07', 8], ['2020-06', 5], ['1970-01', 2]]);
    expect(marks(days, 'oldest')[2]).toEqual({ month: '2020-07', count: 8, first: '2020-07-01', last: '2020-07-27' });
  });
  it('falls back to years when there are too many months', () => {
    expect(marks(days, 'newest', 3).map((m) => m.month)).toEqual(['2021', '2020', '1970']);
    expect(marks([], 'newest')).toEqual([]);
  });
  it('folds into bars and loses nothing', () => {
    for (const n of [1, 2, 3, 28]) {
      const b = bins(days, n);
      expect(b.length).toBeLessThanOrEqual(n);
      expect(b.reduce((s, x) => s + x.count, 0)).toBe(18);
      expect([b[0]!.from, b.at(-1)!.to]).toEqual(['1970-01-01', '2021-01-01']);
    }
  });
});

describe('moving', () => {
  const g = group([...rows(0, 6), ...rows(6, 3, () => '2020-07-26')]);
  it.each<[string, Parameters<typeof step>[2], string]>([
    ['it_0', 'on', 'it_1'], ['it_0', 'back', 'it_0'], ['it_8', 'on', 'it_8'], ['it_1', 'down', 'it_5'], ['it_3', 'down', 'it_5'], ['it_5', 'down', 'it_7'], ['it_8', 'up', 'it_5'], ['it_2', 'up', 'it_2'], ['gone', 'on', 'it_0'],
  ])('%s %s', (id, move, want) => expect(step(g, id, move, 4)).toBe(want));
  it('has nowhere to go in an empty list', () => expect(step([], '', 'on', 4)).toBe(''));
});
