// Curves below the player: arithmetic only.

export type Lanes = {
  seconds: number; scenes: number[]; motion: number[]; peaks: string; peaksPerSecond: number; black: [number, number][]; silence: [number, number][];
  freeze?: [number, number][]; strobe?: [number, number][];
};

// whole fills in what a recording does not have: no sound, no scene changes.
export function whole(l: Partial<Lanes>): Lanes {
  return {
    seconds: l.seconds ?? 0, scenes: l.scenes ?? [], motion: l.motion ?? [], peaks: l.peaks ?? '', peaksPerSecond: l.peaksPerSecond ?? 0,
    black: l.black ?? [], silence: l.silence ?? [], freeze: l.freeze ?? [], strobe: l.strobe ?? [],
  };
}

// peaks decodes base64 pairs of lowest and highest sample, from -128 to 127.
export function peaks(base64: string): Int8Array {
  if (!base64) return new Int8Array();
  const raw = atob(base64);
  const out = new Int8Array(raw.length - (raw.length % 2));
  for (let i = 0; i < out.length; i++) out[i] = (raw.charCodeAt(i) << 24) >> 24;
  return out;
}

// columns folds pairs into n columns without losing a single loud one.
export function columns(pairs: Int8Array, n: number): [low: number, high: number][] {
  const count = pairs.length / 2;
  return Array.from({ length: count ? n : 0 }, (_, x) => {
    const from = Math.floor((x * count) / n);
    const to = Math.max(from + 1, Math.floor(((x + 1) * count) / n));
    let low = 0;
    let high = 0;
    for (let i = from; i < to && i < count; i++) {
      low = Math.min(low, pairs[2 * i]!);
      high = Math.max(high, pairs[2 * i + 1]!);
    }
    return [low, high];
  });
}

// ticks chooses round times for the ruler, so many that each label has room.
export function ticks(seconds: number, width: number, room = 76): number[] {
  const most = Math.max(1, Math.floor(width / room));
  const size = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400].find((s) => seconds / s <= most) ?? 86400;
  return Array.from({ length: Math.max(1, Math.ceil(seconds / size)) }, (_, i) => i * size);
}

// tile finds the last picture of a storyboard that is not after t.
export function tile(times: number[], t: number): number {
  let lo = 0;
  let hi = times.length - 1;
  while (lo < hi) {
    const mid = (lo + hi + 1) >> 1;
    if (times[mid]! <= t) lo = mid; else hi = mid - 1;
  }
  return lo;
}

// scene finds the next or the previous change; a little before the present one counts as the one before it. After the last
// change there is nowhere to go on to; before the first one lies the beginning.
export function scene(scenes: number[], now: number, way: 1 | -1): number {
  if (way > 0) return scenes.find((s) => s > now + 0.05) ?? now;
  return scenes.filter((s) => s < now - 0.5).at(-1) ?? 0;
}

// rate gives the frame rate of a working copy from what its recipe says, and 0 when it says nothing.
export function rate(meta: Record<string, unknown> | null | undefined): number {
  const n = Number(meta?.['rate_num'] ?? meta?.['rateNum'] ?? 0);
  const d = Number(meta?.['rate_den'] ?? meta?.['rateDen'] ?? 1);
  const r = n > 0 && d > 0 ? n / d : Number(meta?.['fps'] ?? 0);
  return Number.isFinite(r) && r > 0 ? r : 0;
}

// seekTo is the middle of a frame: a time on the border between two frames may show either.
export function seekTo(frame: number, fps: number): number { return (Math.max(0, frame) + 0.5) / fps; }

// frameAt is the frame that is shown at a media time.
export function frameAt(mediaTime: number, fps: number): number { return Math.max(0, Math.floor(mediaTime * fps + 0.01)); }
