import { describe, expect, it } from 'vitest';
import { Frames } from '../src/lib/frames';

const bytes = (...rest: number[]) => Uint8Array.from([...new TextEncoder().encode('zapis frames 1\n'), ...rest]);

describe('frames', () => {
  // The same bytes as in the server's test of the format.
  const f = Frames.parse(bytes(0x00, 0x01, 0x80, 0x64, 0x05, 0x02, 0x04, 0x00, 0x80, 0x08, 0x98, 0x01, 0x97, 0x09))!;

  it('reads what the server writes', () => {
    expect([...f.ticks]).toEqual([0, 512, 1100, 1100]);
    expect(f.decoded).toBe(false);
  });
  it('knows times to the microsecond', () => {
    expect([0, 1, 2, 3, 9].map((i) => f.time(i))).toEqual([0, 40_000, 85_938, 85_938, 85_938]);
    expect([-5, 0, 39_999, 40_000, 85_937, 85_938, 1e9].map((t) => f.at(t))).toEqual([0, 0, 0, 1, 1, 3, 3]);
  });
  it('leads from the working copy and back', () => {
    expect([0, 1, 2, 3].map((n) => f.source(n, 25, 1))).toEqual([0, 1, 3, 3]);
    expect([0, 1, 2, 3].map((i) => f.working(i, 25, 1))).toEqual([0, 1, 2, 2]);
  });
  it('knows which frames nobody sees apart from one that is shown', () => {
    // 25 a second shows frames 0, 1 and 3: 2 and 3 are at one time
    expect([0, 1, 2, 3].map((n) => f.around(n, 25, 1))).toEqual([[0, 0], [1, 2], [2, 3], [3, 3]]);
    // five a second of the same: everything is in the first
    expect(f.around(0, 5, 1)).toEqual([0, 3]);
  });
  it('reads long distances', () => {
    // one frame a day at 1/90000 s: 7,776,000,000 ticks
    const b = [0x00, 0x01, 0x90, 0xbf, 0x05, 0x00, 0x00, 0x02, 0x00];
    let v = 7_776_000_000n * 2n;
    while (v >= 128n) { b.push(Number(v & 127n) | 128); v >>= 7n; }
    b.push(Number(v));
    expect([...Frames.parse(bytes(...b))!.ticks]).toEqual([0, 7_776_000_000]);
  });
  it('refuses everything else', () => {
    for (const b of [new Uint8Array(), bytes(), bytes(0, 1, 1, 0, 0, 2, 0), bytes(0, 0, 1, 0, 0, 0), bytes(0, 1, 1, 0, 0, 1, 0, 9), bytes(0, 1, 1, 0, 0, 2, 0, 1), bytes(2, 1, 1, 0, 0, 0)]) {
      expect(Frames.parse(b)).toBeNull();
    }
  });
});
