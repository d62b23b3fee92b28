// The desk of the mask editor without its page: what is taken of proposals, what is chosen, what the way back restores, what is said of the server.
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type * as op from '../src/mask/plan';
import type { Proposal } from '../src/mask/words';

const key = (at_us: number, x = 100_000): op.Key => ({ at_us, box: [x, 100_000, 200_000, 200_000], off: false });
const track = (n: number, more: Partial<op.Track> = {}): op.Track => ({
  id: `tr_${n}`, source: 0, kind: 'solid', reveal: false, reason: 'face', protects: '', keys: [key(0)], until_end: true, origin: '', ...more,
});
const proposal = (n: number, more: Partial<op.Track> = {}): Proposal => ({ id: `su_${n}`, track: track(100 + n, { origin: 'face/1', ...more }), score: 0.9, detector: 'face/1' });
const source = (item: string) => ({ item, ref: item, ms: 10_000, fps: 25, w: 640, h: 360, difficulty: 0, micro: '', visit: '', sound: true, words: true, proxy: null });
const plan = (tracks: op.Track[]): op.Plan => ({
  format: 'zapis redaction plan', version: 1, sources: ['it_0', 'it_1'], cuts: [{ source: 0, from_us: 0, to_us: 4_000_000 }, { source: 1, from_us: 0, to_us: 4_000_000 }], picture: { hide: false }, tracks,
  sound: { mode: 'mute', spans: [] }, heights: [720], salt: '',
});

type Answer = { status: number; body?: unknown };
let sent: { path: string; body: unknown }[] = [];
let answers: Record<string, Answer> = {};

// desk is the module anew, as a page would have it that was given this plan.
async function desk(tracks: op.Track[], more: Record<string, unknown> = {}) {
  vi.resetModules();
  sent = [];
  answers = {};
  const boot = { t: { 'plan.said_full': 'full', 'plan.said_taken': 'taken {n}', 'plan.no_blockers': 'none', 'plan.blockers_n': '{n} in the way', 'plan.said_undone': 'undone', 'plan.said_removed': 'removed' }, b: { id: 'pl_0', title: '', head: 3, plan: plan(tracks), sources: [source('it_0'), source('it_1')], versions: [], names: {}, edit: true, ...more } };
  vi.stubGlobal('document', { getElementById: (id: string) => (id === 'boot' ? { textContent: JSON.stringify(boot) } : null) });
  vi.stubGlobal('fetch', async (path: string, init?: { body?: string }) => {
    sent.push({ path, body: init?.body === undefined ? null : JSON.parse(init.body) });
    const a = answers[path];
    if (!a) throw new TypeError('no answer');
    return { ok: a.status < 300, status: a.status, json: async () => a.body };
  });
  const { desk } = await import('../src/mask/desk.svelte');
  return desk;
}
const state = '/api/plans/pl_0/state';
const proposals = (list: Proposal[], version = 3) => ({ version, state: 'done', progress: 1, list });

// The modules are compiled once, which takes its time on a busy machine.
beforeAll(async () => { await desk([]); }, 120_000);
beforeEach(() => { vi.useFakeTimers(); });

describe('proposals', () => {
  it('are taken into the plan as they are, and are not kept before they are saved', async () => {
    const d = await desk([track(1)]);
    answers[state] = { status: 200, body: { check: null, proposals: proposals([proposal(1), proposal(2)]) } };
    await d.look();
    expect(d.offered.map((x) => x.id)).toEqual(['su_1', 'su_2']);
    d.take([d.offered[1]!]);
    expect(d.plan.tracks.map((t) => t.id)).toEqual(['tr_1', 'tr_102']);
    expect(d.plan.tracks[1]).toEqual(proposal(2).track);
    expect(d.track?.id).toBe('tr_102');
    expect(d.dirty).toBe(true);
    expect(d.said).toBe('taken 1');
    expect(d.offered.map((x) => x.id)).toEqual(['su_1']);
    expect(sent.filter((x) => x.path !== state)).toEqual([]);
  });
  it('come back to the list by the way back, and are never in the plan twice', async () => {
    const d = await desk([]);
    const list = [proposal(1), proposal(2)];
    d.proposals = proposals(list);
    d.take(list);
    d.take(list);
    d.take([list[0]!, list[0]!]);
    expect(d.plan.tracks.map((t) => t.id)).toEqual(['tr_101', 'tr_102']);
    expect(d.offered).toEqual([]);
    d.undo();
    expect(d.plan.tracks).toEqual([]);
    expect(d.dirty).toBe(false);
    expect(d.offered.length).toBe(2);
  });
  it('of a recording that this page does not know are not offered and not taken', async () => {
    const d = await desk([]);
    const odd = proposal(1, { source: 2 });
    d.proposals = proposals([odd, proposal(2, { source: 1 })]);
    expect(d.offered.map((x) => x.id)).toEqual(['su_2']);
    d.take([odd]);
    expect(d.plan.tracks).toEqual([]);
    expect(d.source).toBe(0);
    d.take(d.offered);
    expect(d.source).toBe(1);
  });
  it('do not push masks out, and it is said when there is no room', async () => {
    const d = await desk(Array.from({ length: 1999 }, (_, i) => track(5000 + i)));
    d.take([proposal(1), proposal(2)]);
    expect(d.plan.tracks.length).toBe(2000);
    expect(d.plan.tracks[0]!.id).toBe('tr_5000');
    expect(d.said).toBe('full');
  });
  it('are dismissed by the server alone', async () => {
    const d = await desk([]);
    d.proposals = proposals([proposal(1), proposal(2)]);
    answers['/api/plans/pl_0/proposals'] = { status: 200, body: { ok: true } };
    answers[state] = { status: 200, body: { check: null, proposals: proposals([proposal(2)]) } };
    expect(await d.act('proposals', { id: 'su_1' })).toBe(true);
    await vi.waitFor(() => expect(d.offered.map((x) => x.id)).toEqual(['su_2']));
    expect(sent[0]).toEqual({ path: '/api/plans/pl_0/proposals', body: { id: 'su_1' } });
    expect(d.plan.tracks).toEqual([]);
    expect(d.dirty).toBe(false);
  });
  it('stay in the list when dismissing fails, and it is not called a lost line', async () => {
    const d = await desk([]);
    d.proposals = proposals([proposal(1)]);
    answers['/api/plans/pl_0/proposals'] = { status: 409, body: {} };
    expect(await d.act('proposals', { id: 'su_1' })).toBe(false);
    expect(d.offered.length).toBe(1);
    expect(d.trouble).toBe('refused');
  });
  it('cannot be taken by who may not change the plan', async () => {
    const d = await desk([track(1)], { edit: false });
    d.take([proposal(1)]);
    d.remove();
    expect(d.plan.tracks.map((t) => t.id)).toEqual(['tr_1']);
    expect(d.said).not.toBe('removed');
  });
});

describe('what is chosen', () => {
  it('is the same mask when others before it go', async () => {
    const d = await desk([track(1, { reveal: true }), track(2), track(3)]);
    const { hideAll } = await import('../src/mask/plan');
    d.choose({ kind: 'track', i: 1 });
    d.edit((p) => hideAll(p, false));
    expect([d.track?.id, d.chosen?.i]).toEqual(['tr_2', 0]);
    d.choose({ kind: 'track', i: 1 });
    d.edit((p) => ({ ...p, tracks: p.tracks.slice(0, 1) }));
    expect(d.chosen).toBeNull();
  });
  it('is never changed at a moment of another recording', async () => {
    const d = await desk([track(1)]);
    expect(d.track?.id).toBe('tr_1');
    d.nowUS = 2_000_000;
    d.turnTo(1);
    expect(d.track).toBeNull();
    const before = d.plan;
    d.box([0, 0, 500_000, 500_000]);
    d.endHere();
    expect(d.plan).toBe(before);
    d.inOut('to');
    expect(d.plan.cuts.map((c) => c.to_us)).toEqual([4_000_000, 2_000_000]);
    d.turnTo(7);
    expect(d.source).toBe(1);
  });
  it('is not moved in the stead of a mask for which there is no room', async () => {
    const d = await desk(Array.from({ length: 2000 }, (_, i) => track(i)));
    expect(d.add([0, 0, 1000, 1000])).toBe(false);
    expect(d.plan.tracks.length).toBe(2000);
    expect(d.said).toBe('full');
  });
});

describe('frames that a working copy does not show', () => {
  it('are covered by what begins or ends beside them', async () => {
    const d = await desk([]);
    Object.assign(d, { sinceUS: 980_000, nowUS: 1_000_000, untilUS: 1_020_000 });
    d.add([0, 0, 300_000, 300_000]);
    d.box([100_000, 0, 300_000, 300_000], `draw ${d.track!.id}`);
    expect(d.track!.keys.map((k) => [k.at_us, k.box[0]])).toEqual([[980_000, 100_000], [1_000_000, 100_000]]);
    d.endHere();
    expect(d.track!.keys.map((k) => k.at_us)).toEqual([980_000, 1_000_000, 1_020_000]);
    expect(d.track!.until_end).toBe(false);
  });
});

describe('the server', () => {
  it('is asked again while it does not answer, and nothing is called unchecked meanwhile', async () => {
    const d = await desk([]);
    await d.look();
    expect([d.asked, d.trouble]).toEqual([false, '']);
    const blocker = { n: 1, source: 0, from_us: 0, to_us: 1, at_us: 0, kind: 'uncovered', thing: 'face', grave: true, box: null, dismissed: '', by: '' };
    answers[state] = { status: 200, body: { check: { id: 'ck', version: 3, state: 'asked', progress: 0.5, blockers: [] }, proposals: null } };
    await vi.advanceTimersByTimeAsync(5000);
    expect(d.check?.state).toBe('asked');
    answers[state] = { status: 200, body: { check: { id: 'ck', version: 3, state: 'done', progress: 1, blockers: [blocker] }, proposals: null } };
    await vi.advanceTimersByTimeAsync(1500);
    expect([d.check?.state, d.said]).toEqual(['done', '1 in the way']);
    const n = sent.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent.length).toBe(n);
  });
  it('is believed about the version that it checked and about no other', async () => {
    const d = await desk([]);
    const blocker = { n: 1, source: 9, from_us: 0, to_us: 1, at_us: 0, kind: 'uncovered', thing: 'face', grave: true, box: null, dismissed: '', by: '' };
    answers[state] = { status: 200, body: { check: { id: 'ck', version: 4, state: 'done', progress: 1, blockers: [blocker] }, proposals: null } };
    await d.look();
    expect(d.open).toEqual([]);
  });
  it('does not write over somebody else, and keeps what was drawn', async () => {
    const d = await desk([track(1)]);
    d.remove();
    answers['/api/plans/pl_0'] = { status: 409, body: { code: 'conflict', head: 4, by: 'Vera', at: '2026-01-01T00:00:00Z' } };
    expect(await d.save('')).toBe(false);
    expect(d.conflict?.head).toBe(4);
    expect([d.base, d.plan.tracks.length, d.dirty]).toEqual([3, 0, true]);
    d.undo();
    expect(d.plan.tracks.length).toBe(1);
  });
  it('refuses one plan, not the next one', async () => {
    const d = await desk([track(1), track(2)]);
    d.remove();
    answers['/api/plans/pl_0'] = { status: 400, body: { code: 'invalid', problems: [{ path: 'tracks', code: 'x', text: 'wrong' }] } };
    await d.save('');
    expect([d.trouble, d.problems.length]).toEqual(['refused', 1]);
    d.choose({ kind: 'track', i: 0 });
    d.remove();
    expect([d.trouble, d.problems.length]).toEqual(['', 0]);
  });
  it('is not called silent when it says no', async () => {
    for (const [status, want] of [[401, 'signin'], [403, 'gone'], [404, 'gone'], [409, 'refused'], [429, 'offline'], [503, 'offline']] as const) {
      const d = await desk([]);
      answers['/api/plans/pl_0/check'] = { status };
      await d.act('check');
      expect(d.trouble, String(status)).toBe(want);
    }
  });
});

describe('for those who listen', () => {
  it('is said twice what happened twice', async () => {
    const d = await desk([]);
    d.say('x');
    const first = d.said;
    d.say('x');
    expect(d.said).not.toBe(first);
    expect(d.said.trim()).toBe('x');
  });
});
