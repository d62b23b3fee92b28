import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as op from '../src/mask/plan';

type Vector = { plan: op.Plan; at: [source: number, us: number, boxes: [track: number, kind: string, reveal: boolean, x: number, y: number, w: number, h: number][]][] };
const vectors = JSON.parse(readFileSync(new URL('plan.golden.json', import.meta.url), 'utf8')) as Vector[];

const track = (keys: [at: number, box: op.Box, off?: boolean][], more: Partial<op.Track> = {}): op.Track => ({
  id: 'tr_0', source: 0, kind: 'solid', reveal: false, reason: 'face', protects: '', keys: keys.map(([at_us, box, off]) => ({ at_us, box, off: !!off })), until_end: false, origin: '', ...more,
});
const a: op.Box = [100_000, 100_000, 200_000, 200_000], b: op.Box = [300_000, 100_000, 200_000, 400_000];
const plan = (tracks: op.Track[], more: Partial<op.Plan> = {}): op.Plan => ({
  format: 'zapis redaction plan', version: 1, sources: ['it_0'], cuts: [{ source: 0, from_us: 0, to_us: 10_000_000 }], picture: { hide: false }, tracks, sound: { mode: 'mute', spans: [] }, heights: [720, 360], salt: '', ...more,
});

describe('what is masked when', () => {
  it('is to the last millionth what the server computes', () => {
    let n = 0;
    for (const v of vectors) {
      for (const [source, us, want] of v.at) {
        expect(op.at(v.plan, source, us).map((s) => [s.track, s.kind, s.reveal, ...s.box]), `source ${source} at ${us}`).toEqual(want);
        n++;
      }
    }
    expect(n).toBeGreaterThan(1000);
  });
  it('holds, goes and comes back', () => {
    const t = track([[1000, a], [2000, b, true], [3000, b]]);
    expect(op.boxAt(t, 999)).toBeNull();
    expect(op.boxAt(t, 1000)).toEqual(a);
    expect(op.boxAt(t, 1500)).toEqual([200_000, 100_000, 200_000, 300_000]);
    expect(op.boxAt(t, 2000)).toBeNull();
    expect(op.boxAt(t, 3000)).toEqual(b);
    expect(op.boxAt(t, 3001)).toBeNull();
    expect(op.boxAt({ ...t, until_end: true }, 9e12)).toEqual(b);
    expect(op.stretches({ ...t, until_end: true }, 8000)).toEqual([[1000, 2000], [3000, 8000]]);
    expect(op.stretches(t, 8000)).toEqual([[1000, 2000], [3000, 3000]]);
  });
});

describe('changing', () => {
  it('sets a key where a box was changed, and only one at a time', () => {
    let t = track([[1000, a]], { until_end: true });
    t = op.setBox(t, 5000, b);
    t = op.setBox(t, 5000, a);
    t = op.setBox(t, 500, b);
    expect(t.keys.map((k) => k.at_us)).toEqual([500, 1000, 5000]);
    expect(t.keys[2]!.box).toEqual(a);
  });
  it('never makes what the server would refuse: a last key that is off and held until the end', () => {
    let t: op.Track | null = op.away(track([[1000, a], [4000, b]], { until_end: true }), 9000);
    expect([t.keys.length, t.keys[2]!.off, t.until_end]).toEqual([3, true, false]);
    t = op.dropKey(track([[1000, a], [2000, a, true], [4000, b]], { until_end: true }), 2);
    expect(t!.until_end).toBe(false);
    expect(op.dropKey(track([[1000, a], [2000, b, true]]), 0)).toBeNull();
    expect(op.away(track([[1000, a]]), 1000).keys[0]!.off).toBe(false);
  });
  it('ends a mask where it is, and leaves it there at that moment', () => {
    const t = op.endAt(track([[0, a], [4000, b], [9000, a]], { until_end: true }), 2000);
    expect(t.keys.map((k) => k.at_us)).toEqual([0, 2000]);
    expect(op.boxAt(t, 2000)).toEqual([200_000, 100_000, 200_000, 300_000]);
    expect(op.boxAt(t, 2001)).toBeNull();
  });
  it('covers the frames that nobody sees before a mask begins and after it ends', () => {
    const at = (t: op.Track) => t.keys.map((k) => [k.at_us, k.off]);
    let t = op.setBox(track([]), 1000, a, 700);
    expect(at(t)).toEqual([[700, false], [1000, false]]);
    t = op.setBox(t, 1000, b, 700); // moved again in the same picture: both ends of it move
    expect(at(t)).toEqual([[700, false], [1000, false]]);
    expect(op.boxAt(t, 700)).toEqual(b);
    t = op.setBox(t, 2000, a, 1700); // it was there before: it comes from where it was
    expect(at(t)).toEqual([[700, false], [1000, false], [2000, false]]);
    t = op.setBox(op.away({ ...t, until_end: true }, 3000), 5000, b, 4700); // it comes back
    expect(at(t)).toEqual([[700, false], [1000, false], [2000, false], [3000, true], [4700, false], [5000, false]]);
    t = op.endAt({ ...t, until_end: true }, 5000, 5300);
    expect(t.keys.at(-1)).toEqual({ at_us: 5300, box: b, off: false });
    expect([op.boxAt(t, 5300), op.boxAt(t, 5301), t.until_end]).toEqual([b, null, false]);
  });
  it('holds a mask until the end, and no mask that has gone', () => {
    expect(op.hold(track([[0, a]])).until_end).toBe(true);
    expect(op.hold(op.hold(track([[0, a]]))).until_end).toBe(false);
    expect(op.hold(track([[0, a], [9, a, true]])).until_end).toBe(false);
  });
  it('takes proposed tracks, each once and no more than there is room for', () => {
    const p = plan([track([[0, a]], { id: 'tr_1' })]);
    const q = op.take(p, [track([[5, b]], { id: 'tr_2', origin: 'face/1' }), track([[0, a]], { id: 'tr_1' }), track([[5, b]], { id: 'tr_2' }), track([[5, b]], { id: 'tr_3', source: 1 })]);
    expect(q.tracks.map((t) => t.id)).toEqual(['tr_1', 'tr_2']);
    expect(q.tracks[1]!.origin).toBe('face/1');
    expect(op.take(q, q.tracks)).toBe(q);
    const full = plan(Array.from({ length: op.most }, (_, i) => track([[0, a]], { id: `tr_f${i}` })));
    expect(op.take(full, [track([[0, a]], { id: 'tr_x' })])).toBe(full);
  });
  it('keeps boxes in the picture, whichever edge is pulled', () => {
    for (const grip of ['move', 'n', 's', 'e', 'w', 'ne', 'nw', 'se', 'sw'] as const) {
      for (const [dx, dy] of [[2e6, 2e6], [-2e6, -2e6], [12_345, -6789]] as const) {
        const [x, y, w, h] = op.pull(a, grip, dx, dy);
        expect(x >= 0 && y >= 0 && w >= op.least && h >= op.least && x + w <= op.million && y + h <= op.million, `${grip} ${dx} ${dy}: ${[x, y, w, h]}`).toBe(true);
      }
    }
    expect(op.pull(a, 'nw', 50_000, 50_000)).toEqual([150_000, 150_000, 150_000, 150_000]);
    expect(op.corners(0.5, 0.5, 0.25, 1.4)).toEqual([250_000, 500_000, 250_000, 500_000]);
    expect(op.held([990_000, -5, 0.2, 2e6])).toEqual([990_000, 0, op.least, op.million]);
  });
  it('keeps keys in their order when one is given another time', () => {
    const t = track([[0, a], [1000, b], [2000, a]]);
    expect(op.retime(t, 1, 9000).keys.map((k) => k.at_us)).toEqual([0, 1999, 2000]);
    expect(op.retime(t, 1, -1).keys.map((k) => k.at_us)).toEqual([0, 1, 2000]);
  });
  it('lets the edges of a cut never meet', () => {
    const c = { source: 0, from_us: 1000, to_us: 9000 };
    expect(op.moveEdge(c, 'from', 99_999, 1000, 50_000).from_us).toBe(8000);
    expect(op.moveEdge(c, 'to', 0, 1000, 50_000).to_us).toBe(2000);
    expect(op.moveEdge(c, 'to', 1e9, 1000, 50_000).to_us).toBe(50_000);
  });
  it('leaves nothing to reveal where nothing is hidden', () => {
    const p = plan([track([[0, a]], { reveal: true }), track([[0, b]])], { picture: { hide: true } });
    expect(op.hideAll(p, false).tracks.map((t) => t.reveal)).toEqual([false]);
    expect(op.hideAll(p, true).tracks.length).toBe(2);
  });
  it('changes nothing in place', () => {
    const p = plan([track([[0, a]])]);
    const before = JSON.stringify(p);
    const q = op.withTrack(p, 0, (t) => op.setBox(t, 500, b));
    expect(JSON.stringify(p)).toBe(before);
    expect(op.same(p, q)).toBe(false);
    expect(op.same(p, JSON.parse(before) as op.Plan)).toBe(true);
    expect(op.same(p, { ...p, sound: { ...p.sound, mode: 'keep' } })).toBe(false);
    expect(op.same(p, { ...p, tracks: [] })).toBe(false);
  });
});

describe('going about', () => {
  it('finds marks, and the middle between two keys', () => {
    const p = plan([track([[1_000_000, a], [3_000_000, b]])], { sound: { mode: 'keep', spans: [{ source: 0, from_us: 2_000_000, to_us: 2_500_000, do: 'tone', reason: 'name', protects: '' }] } });
    const m = op.marks(p, 0, [4_000_000]);
    expect(m).toEqual([0, 1_000_000, 2_000_000, 2_500_000, 3_000_000, 4_000_000, 10_000_000]);
    const on = (us: number) => Math.floor((us * 25) / 1e6);
    expect(op.step(m, 25, 1, on)).toBe(2_000_000);
    expect(op.step(m, 25, -1, on)).toBe(0);
    expect(op.step(m, 250, 1, on)).toBeNull();
    expect(op.step(m, 0, -1, on)).toBeNull();
    expect(op.middle(p.tracks[0]!, 1_500_000)).toBe(2_000_000);
    expect(op.middle(p.tracks[0]!, 9_000_000)).toBe(2_000_000);
    expect(op.middle(p.tracks[0]!, 0)).toBeNull();
    expect(op.inCuts(p, 0, 10_000_000)).toBe(false);
    expect(op.inCuts(p, 1, 5)).toBe(false);
  });
  it('never stands still at a mark that lies late in its frame', () => {
    const on = (us: number) => Math.floor((us * 30) / 1_001_000); // 29.97 a second: 3 s is at nine tenths of the 90th frame
    const list = [0, 3_000_000, 3_001_000, 9_000_000];
    const there: (number | null)[] = [];
    for (let at = 0, i = 0; i < 4; i++) { const us = op.step(list, at, 1, on); there.push(us); if (us !== null) at = on(us); }
    expect(there).toEqual([3_000_000, 9_000_000, null, null]);
    expect(op.step(list, on(9_000_000), -1, on)).toBe(3_001_000);
    expect(op.step(list, on(3_001_000), -1, on)).toBe(0);
  });
  it('reads and writes times', () => {
    expect(op.micros('12.5')).toBe(12_500_000);
    expect(op.micros(' 1:02,5 ')).toBe(62_500_000);
    expect(op.micros('1:02:03')).toBe(3_723_000_000);
    expect(op.seconds(62_500_000)).toBe('62.5');
    expect(op.seconds(0)).toBe('0');
    expect(op.seconds(10_000_000)).toBe('10');
    for (const bad of ['', '-1', '1e9', 'NaN', '1:2:3:4', '5 s']) expect(op.micros(bad)).toBeNull();
  });
  it('guesses when a word is said, rather too wide than too narrow', () => {
    const words = op.wordsOf({ from: 1_000_000, to: 3_000_000, text: ' Я Петр  Осокин ' });
    expect(words.map((x) => x.text)).toEqual(['Я', 'Петр', 'Осокин']);
    expect(words[0]!.from).toBe(750_000);
    expect(words[2]!.to).toBe(3_250_000);
    for (let i = 1; i < words.length; i++) expect(words[i]!.from).toBeLessThan(words[i - 1]!.to);
    expect(op.wordsOf({ from: 0, to: 1, text: '' })).toEqual([]);
  });
  it('draws identifiers as the server does', () => {
    const id = op.newTrackID(1_750_000_000_000, new Uint8Array(10).fill(255));
    expect(id).toMatch(/^tr_[0-7][0-9a-hjkmnp-tv-z]{25}$/);
    expect(op.newTrackID() === op.newTrackID()).toBe(false);
  });
});
