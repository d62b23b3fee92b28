import { describe, expect, it } from 'vitest';
import { filtered, query, read, write } from '../src/lib/place';

const item = 'it_' + '0'.repeat(26);

describe('place in the address', () => {
  it.each(['', '?at=2020-07-27', '?at=2020-07-27&kind=video&kind=audio&camera=&difficulty=-1&from=2019-01-01&to=2020-12-31&q=Z1-0004&order=oldest&view=list&fold=0&item=' + item, '?camera=CAM+3+%26+4'])(
    'survives %s', (s) => {
      const p = read(s);
      expect(read(write(p))).toEqual(p);
      expect(write(read(write(p)))).toBe(write(p));
    });
  it('leaves out what is not well formed', () => {
    const p = read('?at=yesterday&item=../x&order=loud&view=map&from=2020-99-99&q=' + 'x'.repeat(99));
    expect([p.at, p.item, p.order, p.view, p.from, p.q.length]).toEqual(['', '', 'newest', 'grid', '', 40]);
  });
  it('asks for the filters and nothing else', () => {
    expect(query(read('?at=2020-07-27&item=' + item + '&view=list&order=oldest&kind=video')).toString()).toBe('kind=video');
    expect(filtered(read('?at=2020-07-27&view=list'))).toBe(false);
    expect(filtered(read('?camera='))).toBe(true);
  });
});
