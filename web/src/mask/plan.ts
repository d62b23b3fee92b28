// Redaction plans: the data and the arithmetic, without a page, so that it can be tested. Names are those of the format
// (docs/design/redaction.md); all times are microseconds from the beginning of the recording, all boxes millionths of the upright picture.

export type Box = [x: number, y: number, w: number, h: number];
export type Kind = 'solid' | 'pixelate';
export type Key = { at_us: number; box: Box; off: boolean };
export type Track = { id: string; source: number; kind: Kind; reveal: boolean; reason: string; protects: string; keys: Key[]; until_end: boolean; origin: string };
export type Cut = { source: number; from_us: number; to_us: number };
export type Span = { source: number; from_us: number; to_us: number; do: string; reason: string; protects: string };
export type Plan = {
  format: string; version: number; sources: string[]; cuts: Cut[]; picture: { hide: boolean }; tracks: Track[]; sound: { mode: string; spans: Span[] };
  heights: number[]; salt: string;
};
export type Shown = { track: number; kind: Kind; reveal: boolean; box: Box };

export const million = 1_000_000;
export const least = 1000; // a box is never narrower: a thousandth of the picture
export const most = 2000; // tracks of a plan
export const reasons = ['face', 'person', 'plate', 'badge', 'document', 'screen', 'clock', 'name', 'tattoo', 'other', 'text'] as const;
export const soundReasons = ['name', 'voice', 'place', 'number', 'other'] as const;
export const actions = ['mute', 'tone', 'voice'] as const;

// edge gives where an edge is on its way from a to b after passed of span microseconds, as a whole number: the one below or the one above, so
// that a box is never smaller than the straight line says. Products of millionths and of hours in microseconds go beyond what a
// floating-point number holds.
function edge(a: number, b: number, passed: number, span: number, up: boolean): number {
  if (a === b) return a;
  const p = (b - a) * passed;
  if (Number.isSafeInteger(p)) {
    const q = Math.floor(p / span); // of whole numbers this small the quotient's floor is exact but for its last place
    const low = q * span > p ? q - 1 : (q + 1) * span <= p ? q + 1 : q;
    return a + (up && low * span !== p ? low + 1 : low);
  }
  const P = BigInt(b - a) * BigInt(passed), S = BigInt(span);
  let q = P / S;
  const rest = P % S !== 0n;
  if (rest && P < 0n) q--;
  return a + Number(up && rest ? q + 1n : q);
}

// before gives the index of the last key that is not after a time, -1 if there is none.
export function before(keys: Key[], us: number): number {
  let lo = 0, hi = keys.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (keys[mid]!.at_us <= us) lo = mid + 1; else hi = mid;
  }
  return lo - 1;
}

// boxAt is where a track lies at a time; null: nowhere.
export function boxAt(t: Track, us: number): Box | null {
  const i = before(t.keys, us);
  const k = t.keys[i];
  if (!k || k.off) return null;
  const next = t.keys[i + 1];
  if (!next) return k.at_us === us || t.until_end ? k.box : null;
  const passed = us - k.at_us, span = next.at_us - k.at_us, a = k.box, b = next.box;
  const x = edge(a[0], b[0], passed, span, false), y = edge(a[1], b[1], passed, span, false);
  return [x, y, edge(a[0] + a[2], b[0] + b[2], passed, span, true) - x, edge(a[1] + a[3], b[1] + b[3], passed, span, true) - y];
}

// at lists what lies on the picture at a time, in the order of the tracks.
export function at(p: Plan, source: number, us: number): Shown[] {
  const out: Shown[] = [];
  p.tracks.forEach((t, i) => {
    if (t.source !== source) return;
    const box = boxAt(t, us);
    if (box) out.push({ track: i, kind: t.kind, reveal: t.reveal, box });
  });
  return out;
}

// stretches are the times in which a track lies on the picture, up to an end in microseconds.
export function stretches(t: Track, end: number): [from: number, to: number][] {
  const out: [number, number][] = [];
  let from = -1;
  t.keys.forEach((k) => {
    if (k.off) {
      if (from >= 0) out.push([from, k.at_us]);
      from = -1;
    } else if (from < 0) from = k.at_us;
  });
  if (from >= 0) out.push([from, t.until_end ? Math.max(end, from) : t.keys.at(-1)!.at_us]);
  return out;
}

// ---- boxes

const whole = (v: number, low: number, high: number) => Math.min(high, Math.max(low, Math.round(v)));

// held keeps a box within the picture and no smaller than the least.
export function held(b: Box): Box {
  const w = whole(b[2], least, million), h = whole(b[3], least, million);
  return [whole(b[0], 0, million - w), whole(b[1], 0, million - h), w, h];
}

export type Grip = 'move' | 'n' | 's' | 'e' | 'w' | 'ne' | 'nw' | 'se' | 'sw';

// pull moves a box or one of its edges by millionths. An edge stops at the opposite one and at the edge of the picture.
export function pull(b: Box, grip: Grip, dx: number, dy: number): Box {
  let [x, y, w, h] = b;
  if (grip === 'move') return [whole(x + dx, 0, million - w), whole(y + dy, 0, million - h), w, h];
  if (grip.includes('e')) w = whole(w + dx, least, million - x);
  if (grip.includes('s')) h = whole(h + dy, least, million - y);
  if (grip.includes('w')) { const to = whole(x + dx, 0, x + w - least); w += x - to; x = to; }
  if (grip.includes('n')) { const to = whole(y + dy, 0, y + h - least); h += y - to; y = to; }
  return [x, y, w, h];
}

// corners makes a box of two corners, given as parts of the picture from 0 to 1.
export function corners(ax: number, ay: number, bx: number, by: number): Box {
  const part = (v: number) => whole(v * million, 0, million);
  const x = Math.min(part(ax), part(bx)), y = Math.min(part(ay), part(by));
  return held([x, y, Math.abs(part(ax) - part(bx)), Math.abs(part(ay) - part(by))]);
}

// hideAll hides the whole frame, or shows it again: then nothing is left to reveal, and the regions that were go.
export const hideAll = (p: Plan, hide: boolean): Plan => ({ ...p, picture: { hide }, tracks: hide ? p.tracks : p.tracks.filter((t) => !t.reveal) });

// ---- changes; each gives a new plan and leaves the old one as it was

const put = <T>(list: readonly T[], i: number, v: T): T[] => list.map((x, n) => (n === i ? v : x));
export const withTrack = (p: Plan, i: number, f: (t: Track) => Track): Plan => (p.tracks[i] ? { ...p, tracks: put(p.tracks, i, f(p.tracks[i])) } : p);

// setBox puts a track somewhere at a time. If there is no key at that time, there is one afterwards: that is how key frames come about. since is
// the time of the first frame that nobody saw before this one, where a working copy has fewer than the original: a mask that begins here
// begins there, so that no frame between the two is bare.
export function setBox(t: Track, us: number, b: Box, since = us): Track {
  const box = held(b);
  const key = (at_us: number): Key => ({ at_us, box, off: false });
  const earlier = t.keys.filter((k) => k.at_us < us), later = t.keys.filter((k) => k.at_us > us);
  const last = earlier.at(-1);
  if (since < us && (!last || last.off || last.at_us >= since)) return { ...t, keys: [...earlier.filter((k) => k.at_us < since), key(since), key(us), ...later] };
  return { ...t, keys: [...earlier, key(us), ...later] };
}

// lastBox is the box that a track had most lately at a time, so that it can come back where it was.
export function lastBox(t: Track, us: number): Box { return boxAt(t, us) ?? t.keys[Math.max(0, before(t.keys, us))]!.box; }

// away lets a track be nowhere from a time to its next key.
export function away(t: Track, us: number): Track {
  const i = before(t.keys, us);
  if (i < 0) return t;
  const key: Key = { at_us: us, box: lastBox(t, us), off: true };
  const there = t.keys[i]!.at_us === us;
  const keys = there ? put(t.keys, i, key) : [...t.keys.slice(0, i + 1), key, ...t.keys.slice(i + 1)];
  return keys.some((k) => !k.off) ? ending({ ...t, keys }) : t;
}

// ending keeps what cannot be: a track that is held until the end after it has gone.
const ending = (t: Track): Track => (t.keys.at(-1)?.off ? { ...t, until_end: false } : t);

// endAt ends a track at a time: it is still there at that time, and in whatever frames nobody can see apart from it, of which until is the last;
// and not after it.
export function endAt(t: Track, us: number, until = us): Track {
  const box = boxAt(t, us);
  if (!box) return t;
  const keys = setBox(t, us, box).keys.filter((k) => k.at_us <= us);
  return { ...t, keys: until > us ? [...keys, { at_us: until, box, off: false }] : keys, until_end: false };
}

// hold lets a track stay where it is last until the end of the recording, or no longer. One that has gone has nothing to hold.
export function hold(t: Track): Track { return t.keys.at(-1)?.off ? t : { ...t, until_end: !t.until_end }; }

// dropKey takes a key out; null: it was the last one, and with it the track goes.
export function dropKey(t: Track, i: number): Track | null {
  const keys = t.keys.filter((_, n) => n !== i);
  return keys.some((k) => !k.off) ? ending({ ...t, keys }) : null;
}

// retime moves a key to another time; it stays between its neighbours.
export function retime(t: Track, i: number, us: number): Track {
  const low = i > 0 ? t.keys[i - 1]!.at_us + 1 : 0;
  const high = i + 1 < t.keys.length ? t.keys[i + 1]!.at_us - 1 : Number.MAX_SAFE_INTEGER;
  const k = t.keys[i];
  return k && low <= high ? { ...t, keys: put(t.keys, i, { ...k, at_us: whole(us, low, high) }) } : t;
}

// moveEdge sets one edge of a cut or a span of sound. The edges never meet.
export function moveEdge<T extends { from_us: number; to_us: number }>(c: T, edge: 'from' | 'to', us: number, step: number, end: number): T {
  const gap = Math.max(1, step);
  return edge === 'from' ? { ...c, from_us: whole(us, 0, c.to_us - gap) } : { ...c, to_us: whole(us, c.from_us + gap, Math.max(end, c.from_us + gap)) };
}

// marks are the times worth going to on a source, in their order and each once: keys of tracks, edges of cuts and of sound.
export function marks(p: Plan, source: number, more: number[] = []): number[] {
  const out = new Set(more);
  for (const t of p.tracks) if (t.source === source) for (const k of t.keys) out.add(k.at_us);
  for (const c of [...p.cuts, ...p.sound.spans]) if (c.source === source) { out.add(c.from_us); out.add(c.to_us); }
  return [...out].sort((a, b) => a - b);
}

// step finds the next or the previous mark that another picture shows than the present one; on says which picture shows a time. Marks are in
// their order, and later ones are on no earlier picture.
export function step(list: number[], picture: number, way: 1 | -1, on: (us: number) => number): number | null {
  let lo = 0, hi = list.length; // the first mark on a later picture, or on this one or a later one
  while (lo < hi) {
    const mid = (lo + hi) >> 1, p = on(list[mid]!);
    if (way > 0 ? p > picture : p >= picture) hi = mid; else lo = mid + 1;
  }
  return list[way > 0 ? lo : lo - 1] ?? null;
}

// middle is the time halfway between the keys around a time: where a straight line between them is furthest from both.
export function middle(t: Track, us: number): number | null {
  const i = before(t.keys, us);
  const a = t.keys[Math.min(i, t.keys.length - 2)], b = t.keys[Math.min(i, t.keys.length - 2) + 1];
  return a && b ? Math.round((a.at_us + b.at_us) / 2) : null;
}

// inCuts says whether a time of a source is in what is shown.
export function inCuts(p: Plan, source: number, us: number): boolean { return p.cuts.some((c) => c.source === source && c.from_us <= us && us < c.to_us); }

// same says whether two plans say the same. It is asked at every movement of the pointer: tracks that nobody touched are not read again.
export function same(a: Plan, b: Plan): boolean {
  if (a === b) return true;
  const text = JSON.stringify;
  return a.tracks.length === b.tracks.length && a.tracks.every((t, i) => t === b.tracks[i] || text(t) === text(b.tracks[i]))
    && text({ ...a, tracks: [] }) === text({ ...b, tracks: [] });
}

// take adds proposed tracks to a plan as they are: those that it does not have, that are of one of its recordings, and no more than a plan may have.
export function take(p: Plan, list: readonly Track[]): Plan {
  const known = new Set(p.tracks.map((t) => t.id));
  const more: Track[] = [];
  for (const t of list) if (!known.has(t.id) && p.sources[t.source] !== undefined && p.tracks.length + more.length < most) { known.add(t.id); more.push(t); }
  return more.length ? { ...p, tracks: [...p.tracks, ...more] } : p;
}

// newTrackID draws an identifier of the form that the server gives: 48 bits of time and 80 random ones.
export function newTrackID(now = Date.now(), random = crypto.getRandomValues(new Uint8Array(10))): string {
  let v = BigInt(now);
  for (const b of random) v = (v << 8n) | BigInt(b);
  let out = '';
  for (let i = 0; i < 26; i++) { out = '0123456789abcdefghjkmnpqrstvwxyz'[Number(v & 31n)] + out; v >>= 5n; }
  return `tr_${out}`;
}

// seconds writes a time for a field: 12.345678, without what is nothing.
export const seconds = (us: number): string => (us / million).toFixed(6).replace(/\.?0+$/, '');

// micros reads seconds or a clock (12.5, 1:02.5, 1:02:03) as microseconds; null if it is neither.
export function micros(text: string): number | null {
  const m = /^\s*(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,7}(?:[.,]\d{1,6})?)\s*$/.exec(text);
  if (!m) return null;
  const v = Math.round((Number(m[1] ?? 0) * 3600 + Number(m[2] ?? 0) * 60 + Number(m[3]!.replace(',', '.'))) * million);
  return Number.isSafeInteger(v) ? v : null;
}

// wordsOf guesses when each word of a sentence is said: its share of the letters, with a quarter of a second before and after. A guess is what it
// is: who mutes a word has to listen.
export function wordsOf(s: { from: number; to: number; text: string }): { from: number; to: number; text: string }[] {
  const list = s.text.split(/\s+/u).filter((x) => x !== '');
  const letters = list.reduce((sum, x) => sum + x.length + 1, 0);
  let at = 0;
  return list.map((text) => {
    const from = s.from + Math.floor(((s.to - s.from) * at) / letters);
    at += text.length + 1;
    const to = s.from + Math.ceil(((s.to - s.from) * at) / letters);
    return { text, from: Math.max(0, from - 250_000), to: to + 250_000 };
  });
}
