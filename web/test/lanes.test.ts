import { describe, expect, it } from 'vitest';
import { columns, frameAt, peaks, rate, scene, seekTo, ticks, tile, whole } from '../src/lib/lanes';

describe('lanes', () => {
  it('decodes signed pairs', () => expect([...peaks(btoa(String.fromCharCode(0x80, 0x7f, 0xff, 1)))]).toEqual([-128, 127, -1, 1]));
  it('leaves half a pair out', () => expect(peaks(btoa('abc'))).toHaveLength(2));
  it('loses no loud moment when folding', () => {
    const p = new Int8Array(2000);
    p[2 * 777] = -100;
    p[2 * 777 + 1] = 99;
    for (const n of [1, 10, 333, 1000, 3000]) {
      const c = columns(p, n);
      expect(c).toHaveLength(n);
      expect(c.some(([low, high]) => low === -100 && high === 99)).toBe(true);
    }
    expect(columns(new Int8Array(), 10)).toEqual([]);
  });
  it('has room for every label', () => {
    for (const [s, width] of [[20, 800], [2770, 900], [86_400, 300], [0.5, 100], [600_000, 400]] as const) expect(ticks(s, width).length * 60).toBeLessThanOrEqual(Math.max(width, 76) + 600);
    expect(ticks(2770, 900)).toEqual([0, 300, 600, 900, 1200, 1500, 1800, 2100, 2400, 2700]);
  });
  it('finds the picture of a storyboard', () => expect([-1, 0, 4.9, 5, 99].map((t) => tile([0, 5, 10], t))).toEqual([0, 0, 0, 1, 2]));
  it('goes from scene to scene', () => {
    expect(scene([3, 7], 3, 1)).toBe(7);
    expect(scene([3, 7], 7, 1)).toBe(7);
    expect(scene([3, 7], 7.2, -1)).toBe(3);
    expect(scene([3, 7], 3, -1)).toBe(0);
  });
  it('takes what a recording does not have as nothing', () => expect(whole({}).scenes).toEqual([]));
});

describe('frames', () => {
  it.each([[{ rate_num: 30000, rate_den: 1001 }, 30000 / 1001], [{ rate_num: 25 }, 25], [{ fps: 12.5 }, 12.5], [{}, 0], [{ rate_num: 1, rate_den: 0 }, 0], [null, 0]])('rate of %j', (meta, want) => expect(rate(meta)).toBe(want));
  it('comes back to the frame that was asked for, at every rate', () => {
    for (const fps of [10, 12.5, 23.976, 25, 30000 / 1001, 50, 60]) {
      for (let f = 0; f < 20_000; f += 97) {
        expect(frameAt(seekTo(f, fps), fps)).toBe(f);
        expect(frameAt(f / fps, fps)).toBe(f); // what the browser reports for that frame
        expect(frameAt(Math.round((f / fps) * 1e6) / 1e6, fps)).toBe(f); // rounded to microseconds
      }
    }
  });
});
