// When each frame of an original is shown: the list that the server keeps (docs/design/notes.md), and the way between its frames and those
// of the working copy that the player has. Whole numbers only, so that nothing is rounded twice.

const magic = 'zapis frames 1\n';

export class Frames {
  private constructor(readonly ticks: Float64Array, private readonly num: bigint, private readonly den: bigint, readonly decoded: boolean) {}

  // parse reads a list and gives null for anything else.
  static parse(b: Uint8Array): Frames | null {
    for (let i = 0; i < magic.length; i++) if (b[i] !== magic.charCodeAt(i)) return null;
    let at = magic.length;
    const unsigned = (): bigint => {
      let v = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const c = b[at++];
        if (c === undefined || shift > 63n) throw new RangeError('cut off');
        v |= BigInt(c & 0x7f) << shift;
        if (c < 0x80) return v;
      }
    };
    // Numbers of up to four bytes, nearly all, go without big integers.
    const signed = (): number => {
      let v = 0;
      for (let k = 0; k < 4; k++) {
        const c = b[at + k];
        if (c === undefined) throw new RangeError('cut off');
        v |= (c & 0x7f) << (7 * k);
        if (c < 0x80) { at += k + 1; return v & 1 ? -((v + 1) >>> 1) : v >>> 1; }
      }
      const u = unsigned();
      return Number(u & 1n ? -((u + 1n) >> 1n) : u >> 1n);
    };
    try {
      const flags = unsigned(), num = unsigned(), den = unsigned();
      signed(); // where the item begins on the container's clock
      unsigned(); // hidden
      const n = Number(unsigned());
      if (flags > 1n || num < 1n || den < 1n || n > b.length - at) return null;
      const ticks = new Float64Array(n);
      for (let i = 0, last = 0, step = 0; i < n; i++) {
        const d = signed();
        if (i === 0) last = d;
        else { step += d; last += step; }
        if (step < 0 || !Number.isSafeInteger(last)) return null;
        ticks[i] = last;
      }
      return at === b.length ? new Frames(ticks, num, den, flags === 1n) : null;
    } catch { return null; }
  }

  get count(): number { return this.ticks.length; }

  // last gives the last frame for which below holds, 0 if it holds for none.
  #last(below: (tick: number) => boolean): number {
    let lo = 0, hi = this.ticks.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (below(this.ticks[mid]!)) lo = mid + 1; else hi = mid;
    }
    return Math.max(0, lo - 1);
  }

  // time is when a frame is shown, in microseconds from the beginning of the item.
  time(i: number): number {
    if (!this.ticks.length) return 0;
    return scale(this.ticks[Math.min(Math.max(i, 0), this.ticks.length - 1)]!, this.num * 1_000_000n, this.den);
  }

  // at is the frame shown at a time in microseconds.
  at(us: number): number { return this.#last((t) => scale(t, this.num * 1_000_000n, this.den) <= us); }

  // source is the frame that frame n of a working copy of num/den frames a second shows.
  source(n: number, num: number, den: number): number {
    const up = this.num * BigInt(num), down = this.den * BigInt(den);
    return this.#last((t) => scale(t, up, down) <= n);
  }

  // around gives the frames that nobody sees apart from those that frame n of a working copy shows: from the one after what the frame before
  // it shows to the one before what the next one shows. Where a working copy has fewer frames than the original, some are never shown.
  around(n: number, num: number, den: number): [first: number, last: number] {
    const at = this.source(n, num, den);
    return [n > 0 ? Math.min(at, this.source(n - 1, num, den) + 1) : 0, Math.max(at, this.source(n + 1, num, den) - 1)];
  }

  // working is the first frame of a working copy that shows frame i, or, where it has fewer, its successor.
  working(i: number, num: number, den: number): number {
    if (!this.ticks.length || i <= 0) return 0;
    return Math.max(0, scale(this.ticks[Math.min(i, this.ticks.length - 1)]!, this.num * BigInt(num), this.den * BigInt(den)));
  }
}

// scale gives v*num/den, halves away from zero.
function scale(v: number, num: bigint, den: bigint): number {
  const a = BigInt(Math.abs(v)) * num + den / 2n;
  const q = Number(a / den);
  return v < 0 ? -q : q;
}
