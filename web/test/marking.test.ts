import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Frames } from '../src/lib/frames';
import { began, between, Errands, hashTime, levels, type Mark, median, moveEdge, newKey, onFrames, pull, span } from '../src/item/marking';

const empty: Mark = { frameFrom: -1, frameTo: -1, from: 0, to: 0, region: null, page: 0, body: '', tag: '', lang: '' };
// frames at 0, 40, 85.938 ms and once more there
const frames = Frames.parse(Uint8Array.from([...new TextEncoder().encode('zapis frames 1\n'), 0, 1, 0x80, 0x64, 5, 2, 4, 0, 0x80, 8, 0x98, 1, 0x97, 9]))!;

describe('marks', () => {
  it('lie on frames of the original', () => {
    expect(span(empty, 90_000, 39_000, frames)).toMatchObject({ frameFrom: 0, frameTo: 3, from: 0, to: 85_938 });
    expect(span(empty, 7, 5, null)).toMatchObject({ frameFrom: -1, frameTo: -1, from: 5, to: 7 });
    expect(onFrames(empty, 99, -3, frames)).toMatchObject({ frameFrom: 0, frameTo: 3 });
  });
  it('have edges that move by a frame and stop at each other', () => {
    const m = onFrames(empty, 1, 2, frames);
    expect(moveEdge(m, 'from', -1, frames)).toMatchObject({ frameFrom: 0, frameTo: 2, from: 0 });
    expect(moveEdge(moveEdge(m, 'from', 1, frames), 'from', 1, frames)).toMatchObject({ frameFrom: 2, frameTo: 2 });
    expect(moveEdge(m, 'to', 1, frames)).toMatchObject({ frameTo: 3 });
    expect(moveEdge(moveEdge(m, 'to', -1, frames), 'to', -1, frames)).toMatchObject({ frameFrom: 1, frameTo: 1 });
    const s = span(empty, 20_000, 30_000, null);
    expect(moveEdge(s, 'from', -3, null)).toMatchObject({ from: 0, to: 30_000 });
    expect(moveEdge(s, 'to', -9, null)).toMatchObject({ from: 20_000, to: 20_000 });
  });
  it('begin when it was seen, whatever the speed', () => {
    expect(began(5_000_000, 300, 1)).toBe(4_700_000);
    expect(began(5_000_000, 300, 4)).toBe(3_800_000);
    expect(began(100_000, 300, 1)).toBe(0);
  });
});

describe('regions', () => {
  it('stay within the picture', () => {
    expect(pull([900_000, 0, 100_000, 50_000], 'move', 10_000, -10_000)).toEqual([900_000, 0, 100_000, 50_000]);
    expect(pull([900_000, 0, 100_000, 50_000], 'size', 10_000, -90_000)).toEqual([900_000, 0, 100_000, 1000]);
    expect(between(0.5, 0.9, 0.25, 2)).toEqual([250_000, 900_000, 250_000, 100_000]);
    expect(between(1, 1, 1, 1)).toEqual([999_000, 999_000, 1000, 1000]);
  });
});

it('stacks what overlaps and nothing else', () => {
  expect(levels([{ from: 0, to: 10 }, { from: 5, to: 7 }, { from: 8, to: 20 }, { from: 10, to: 11 }], 0)).toEqual([0, 1, 1, 0]);
  expect(levels([{ from: 0, to: 0 }, { from: 1, to: 1 }], 5)).toEqual([0, 1]);
});

it('reads the time in an address', () => {
  expect([hashTime('#t=12.5'), hashTime('#t=3,9'), hashTime('#note=no_1&t=4'), hashTime('#t=npt:7'), hashTime('#t=x'), hashTime('#at=3'), hashTime('')]).toEqual([12.5, 3, 4, 7, null, null, null]);
});

it('takes the median of reactions', () => { expect([median([1, 2]), median([400, 200, 300]), median([1, 2, 4, 9])]).toEqual([null, 300, 3]); });
it('draws keys', () => { expect(newKey()).toMatch(/^[0-9a-f]{32}$/); expect(newKey()).not.toBe(newKey()); });

describe('errands', () => {
  beforeEach(() => { vi.useFakeTimers(); });
  afterEach(() => { vi.useRealTimers(); });

  it('wait for the connection, in order, and are never dropped', async () => {
    let up = false;
    const sent: string[] = [];
    const told: string[] = [];
    const e = new Errands(() => null, (o) => told.push(o));
    const errand = (key: string) => ({ key, send: async () => { if (!up) throw new TypeError('no connection'); sent.push(key); }, refused: () => { throw new Error('not refused'); } });
    e.put(errand('a'));
    e.put(errand('b'));
    await vi.advanceTimersByTimeAsync(100_000);
    expect([sent, e.waiting]).toEqual([[], 2]);
    expect(e.wait()).toBe(30_000);
    up = true;
    await vi.advanceTimersByTimeAsync(30_000);
    expect([sent, e.waiting]).toEqual([['a', 'b'], 0]);
    expect(told.at(-1)).toBe('sent');
  });
  it('let a refusal end one errand and go on with the next', async () => {
    const refused: number[] = [];
    const sent: string[] = [];
    const e = new Errands((x) => x as number, () => {});
    e.put({ key: 'a', send: () => Promise.reject(409), refused: (s) => refused.push(s) });
    e.put({ key: 'b', send: async () => { sent.push('b'); }, refused: () => {} });
    await vi.advanceTimersByTimeAsync(1);
    expect([refused, sent, e.waiting]).toEqual([[409], ['b'], 0]);
  });
  it('keep what was written when the session ends', async () => {
    const told: string[] = [];
    const e = new Errands(() => 401, (o) => told.push(o));
    e.put({ key: 'a', send: () => Promise.reject(new Error()), refused: () => { throw new Error('not refused'); } });
    await vi.advanceTimersByTimeAsync(10_000);
    expect([e.waiting, told[0]]).toEqual([1, 'signin']);
    e.stop();
  });
});
