// Marking: arithmetic and bookkeeping without a page, so that it can be tested.
import type { Frames } from '../lib/frames';

export type Region = [x: number, y: number, w: number, h: number]; // millionths of the picture

// Where a note lies and what it says. Frames are the original's, -1 where it has none; times are microseconds from the beginning.
export type Mark = { frameFrom: number; frameTo: number; from: number; to: number; region: Region | null; page: number; body: string; tag: string; lang: string };

export type Kept = Mark & { id: string; author: string; authorName: string; mine: boolean; version: number; created: string; changed: string };

export const million = 1_000_000;

export function markOf(n: Mark): Mark {
  return { frameFrom: n.frameFrom, frameTo: n.frameTo, from: n.from, to: n.to, region: n.region ? [...n.region] : null, page: n.page, body: n.body, tag: n.tag, lang: n.lang };
}

export function equal(a: Mark, b: Mark): boolean { return JSON.stringify(markOf(a)) === JSON.stringify(markOf(b)); }

// span lays a mark on the frames from one time to another, in whichever order they come; without frames on the times themselves.
export function span(m: Mark, a: number, b: number, frames: Frames | null): Mark {
  const from = Math.max(0, Math.round(Math.min(a, b)));
  const to = Math.max(0, Math.round(Math.max(a, b)));
  if (!frames?.count) return { ...m, frameFrom: -1, frameTo: -1, from, to };
  return onFrames(m, frames.at(from), frames.at(to), frames);
}

// onFrames lays a mark on frames of the original.
export function onFrames(m: Mark, a: number, b: number, frames: Frames): Mark {
  const held = (n: number) => Math.min(frames.count - 1, Math.max(0, Math.round(n)));
  const frameFrom = Math.min(held(a), held(b));
  const frameTo = Math.max(held(a), held(b));
  return { ...m, frameFrom, frameTo, from: frames.time(frameFrom), to: frames.time(frameTo) };
}

// moveEdge moves one edge by a frame, or, where there are none, by a hundredth of a second. An edge stops at the other one.
export function moveEdge(m: Mark, edge: 'from' | 'to', by: number, frames: Frames | null): Mark {
  if (frames?.count && m.frameFrom >= 0) {
    return edge === 'from' ? onFrames(m, Math.min(m.frameFrom + by, m.frameTo), m.frameTo, frames) : onFrames(m, m.frameFrom, Math.max(m.frameTo + by, m.frameFrom), frames);
  }
  const step = by * 10_000;
  return edge === 'from' ? { ...m, from: Math.min(Math.max(0, m.from + step), m.to) } : { ...m, to: Math.max(m.to + step, m.from) };
}

// pull moves or sizes a region by millionths and keeps it within the picture.
export function pull(r: Region, how: 'move' | 'size', dx: number, dy: number): Region {
  const [x, y, w, h] = r;
  const within = (v: number, low: number, high: number) => Math.min(high, Math.max(low, Math.round(v)));
  if (how === 'move') return [within(x + dx, 0, million - w), within(y + dy, 0, million - h), w, h];
  return [x, y, within(w + dx, 1000, million - x), within(h + dy, 1000, million - y)];
}

// between makes a region of two corners, given as parts of the picture from 0 to 1.
export function between(ax: number, ay: number, bx: number, by: number): Region {
  const part = (v: number) => Math.round(Math.min(1, Math.max(0, v)) * million);
  const x = Math.min(part(ax), part(bx));
  const y = Math.min(part(ay), part(by));
  const w = Math.max(1000, Math.abs(part(ax) - part(bx)));
  const h = Math.max(1000, Math.abs(part(ay) - part(by)));
  return [Math.min(x, million - w), Math.min(y, million - h), w, h];
}

// began is the media time, in microseconds, at which somebody saw what made them press the key: earlier by their reaction time, which
// passes faster in a film that runs faster.
export function began(nowUS: number, reactionMS: number, speed: number): number { return Math.max(0, Math.round(nowUS - reactionMS * 1000 * speed)); }

// tap is how short a press, in milliseconds, makes a moment and not a span.
export const tap = 250;

// levels stacks what overlaps: for each span the row that is free, from 0. Spans that are narrower than least, and would not be seen, count as
// that wide.
export function levels(spans: { from: number; to: number }[], least: number): number[] {
  const order = spans.map((s, i) => ({ i, from: s.from, to: Math.max(s.to, s.from + least) })).sort((a, b) => a.from - b.from || b.to - a.to);
  const ends: number[] = [];
  const out: number[] = new Array(spans.length).fill(0);
  for (const s of order) {
    let row = ends.findIndex((e) => e <= s.from);
    if (row < 0) row = ends.length;
    ends[row] = s.to;
    out[s.i] = row;
  }
  return out;
}

// median of reaction times. Of fewer than three nothing can be said.
export function median(list: number[]): number | null {
  if (list.length < 3) return null;
  const s = [...list].sort((a, b) => a - b);
  return s.length % 2 ? s[(s.length - 1) / 2]! : Math.round((s[s.length / 2 - 1]! + s[s.length / 2]!) / 2);
}

// hashTime reads #t=12.5 and #t=12.5,20 in seconds; null if it is none.
export function hashTime(hash: string): number | null {
  const t = /^#(?:.*&)?t=(?:npt:)?(\d+(?:\.\d+)?)(?:,\d+(?:\.\d+)?)?(?:&.*)?$/.exec(hash);
  return t ? Number(t[1]) : null;
}

// newKey draws the key under which a note is sent, so that sending it twice makes one note.
export function newKey(): string { return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join(''); }

// What is to be told to the server, in order. The first of them is tried until it goes through; a refusal ends its own errand only.
export type Errand = { key: string; send: () => Promise<void>; refused: (status: number) => void };
export type Outcome = 'sent' | 'refused' | 'later' | 'signin';

export class Errands {
  readonly list: Errand[] = [];
  tries = 0;
  #busy = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly judge: (e: unknown) => number | null, private readonly told: (o: Outcome) => void) {}

  get waiting(): number { return this.list.length; }

  put(e: Errand): void {
    this.list.push(e);
    void this.run();
  }

  // wait says after how many milliseconds it is tried again.
  wait(): number { return Math.min(30_000, 1000 * 2 ** Math.max(0, this.tries - 1)); }

  // run sends what waits. judge gives the status of a refusal, or null if nobody answered.
  async run(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    clearTimeout(this.#timer);
    try {
      while (this.list.length) {
        const e = this.list[0]!;
        try {
          await e.send();
          this.list.shift();
          this.tries = 0;
          this.told('sent');
        } catch (err) {
          const status = this.judge(err);
          if (status === null || status === 401 || status === 408 || status === 429 || status >= 500) {
            this.tries++;
            this.told(status === 401 ? 'signin' : 'later');
            this.#timer = setTimeout(() => void this.run(), this.wait());
            return;
          }
          this.list.shift();
          this.tries = 0;
          e.refused(status);
          this.told('refused');
        }
      }
    } finally { this.#busy = false; }
  }

  stop(): void { clearTimeout(this.#timer); }
}
