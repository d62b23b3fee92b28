// What the player, the lanes and the panel of the mask editor share: the plan as it is drawn, the way back, and what the server says of it.
import { get, post, Refused } from '../lib/api';
import { Frames } from '../lib/frames';
import * as op from './plan';
import type { Box, Cut, Plan, Shown, Span, Track } from './plan';
import { type Blocker, boot as maybe, type Check, type Proposals, type Source, type Version } from './words';

const boot = maybe!;

export type Chosen = { kind: 'track' | 'cut' | 'span'; i: number } | null;
export type Problem = { path: string; code: string; text: string };
type Step = { plan: Plan; chosen: Chosen };
type Saved = { version: number; versions: Version[] };
type Conflict = { head: number; by: string; at: string };

// send posts JSON and reads the answer whatever its status: what a refusal says about a plan is what people need.
async function send<T>(path: string, body: unknown): Promise<{ status: number; body: T | null }> {
  const answer = await fetch(path, { method: 'POST', credentials: 'same-origin', cache: 'no-store', headers: { Accept: 'application/json', 'Content-Type': 'application/json', 'X-Zapis': '1' }, body: JSON.stringify(body) });
  let read: T | null = null;
  try { read = (await answer.json()) as T; } catch { /* nothing was said */ }
  return { status: answer.status, body: read };
}

class Desk {
  // The plan as it is drawn. It is never changed in place: each change is another one.
  plan = $state.raw<Plan>(boot.plan);
  base = $state(boot.head); // the version that it was made from
  versions = $state.raw<Version[]>(boot.versions);
  kept = $state.raw<Plan>(boot.plan); // as it is on the server
  source = $state(0);
  chosen = $state.raw<Chosen>(boot.plan.tracks.length ? { kind: 'track', i: 0 } : null);
  edge = $state<'from' | 'to'>('to');
  drawing = $state(false); // the arrows and the pointer belong to the mask
  through = $state(false); // one sees through masks while drawing
  said = $state(''); // for those who listen
  visible = $state(false); // the picture is uncovered
  saving = $state(false);
  trouble = $state<'' | 'signin' | 'offline' | 'refused' | 'gone'>('');
  problems = $state.raw<Problem[]>([]);
  conflict = $state.raw<Conflict | null>(null);
  check = $state.raw<Check | null>(null);
  proposals = $state.raw<Proposals | null>(null);
  names = $state.raw<Record<string, string>>(boot.names);
  nowUS = $state(0);
  frames = $state.raw<(Frames | null)[]>(boot.sources.map(() => null));
  canUndo = $state(false);
  canRedo = $state(false);

  // What the player gives.
  show: (us: number) => void = () => {};

  #done: Step[] = [];
  #undone: Step[] = [];
  #joined = ''; // what the last change was, so that one movement is one step back
  #asking = 0;

  readonly may = boot.edit;
  get facts(): Source { return boot.sources[this.source]!; }
  get end(): number { return Math.max(1, boot.sources[this.source]!.ms * 1000); }
  readonly shown = $derived<Shown[]>(op.at(this.plan, this.source, this.nowUS));
  get track(): Track | null { return this.chosen?.kind === 'track' ? (this.plan.tracks[this.chosen.i] ?? null) : null; }
  get cut(): Cut | null { return this.chosen?.kind === 'cut' ? (this.plan.cuts[this.chosen.i] ?? null) : null; }
  get span(): Span | null { return this.chosen?.kind === 'span' ? (this.plan.sound.spans[this.chosen.i] ?? null) : null; }
  readonly dirty = $derived(!op.same(this.plan, this.kept));
  // Half a frame: what is that near a mark is at it.
  get slack(): number { return op.million / (boot.sources[this.source]!.fps || 25) / 2; }
  get marks(): number[] {
    const open = this.open.filter((b) => b.source === this.source).map((b) => b.at_us);
    return op.marks(this.plan, this.source, open);
  }
  get open(): Blocker[] { return this.check?.state === 'done' ? this.check.blockers.filter((b) => !b.dismissed) : []; }

  // ---- changes

  // edit makes another plan of this one. Changes of the same name that follow each other are one step back.
  edit(f: (p: Plan) => Plan, joined = ''): void {
    if (!this.may) return;
    const next = f(this.plan);
    if (next === this.plan) return;
    if (!joined || joined !== this.#joined) this.#done.push({ plan: this.plan, chosen: this.chosen });
    if (this.#done.length > 500) this.#done.shift();
    this.#joined = joined;
    this.#undone = [];
    this.plan = next;
    this.problems = [];
    this.#count();
  }
  settle(): void { this.#joined = ''; } // the movement is over
  undo(): void { this.#turn(this.#done, this.#undone); }
  redo(): void { this.#turn(this.#undone, this.#done); }
  #turn(from: Step[], to: Step[]): void {
    const s = from.pop();
    if (!s) return;
    to.push({ plan: this.plan, chosen: this.chosen });
    this.plan = s.plan;
    this.chosen = s.chosen && this.#there(s.chosen) ? s.chosen : null;
    this.#joined = '';
    this.#count();
  }
  #there(c: NonNullable<Chosen>): boolean { return c.i < (c.kind === 'track' ? this.plan.tracks : c.kind === 'cut' ? this.plan.cuts : this.plan.sound.spans).length; }
  #count(): void { this.canUndo = this.#done.length > 0; this.canRedo = this.#undone.length > 0; }

  // choose takes a mask, a cut or a span to work on, and shows the recording it is about.
  choose(c: Chosen): void {
    if (c && !this.#there(c)) return;
    this.chosen = c;
    this.#joined = '';
    const about = c?.kind === 'track' ? this.plan.tracks[c.i] : c?.kind === 'cut' ? this.plan.cuts[c.i] : c ? this.plan.sound.spans[c.i] : null;
    if (about && about.source !== this.source) this.source = about.source;
  }

  // ---- masks

  // box puts the chosen mask somewhere at this moment.
  box(b: Box, joined = ''): void {
    const c = this.chosen;
    if (c?.kind !== 'track') return;
    const us = this.nowUS;
    this.edit((p) => op.withTrack(p, c.i, (t) => op.setBox(t, us, b)), joined);
  }
  add(b: Box): void {
    if (!this.may || this.plan.tracks.length >= 2000) return;
    const hide = this.plan.picture.hide;
    const t: Track = { id: op.newTrackID(), source: this.source, kind: 'solid', reveal: hide, reason: hide ? 'other' : 'face', protects: '', keys: [{ at_us: this.nowUS, box: op.held(b), off: false }], until_end: true, origin: '' };
    this.edit((p) => ({ ...p, tracks: [...p.tracks, t] }), `draw ${t.id}`);
    this.chosen = { kind: 'track', i: this.plan.tracks.length - 1 };
  }
  change(f: (t: Track) => Track, joined = ''): void {
    const c = this.chosen;
    if (c?.kind === 'track') this.edit((p) => op.withTrack(p, c.i, f), joined);
  }
  dropKey(i: number): void {
    const c = this.chosen, t = this.track;
    if (c?.kind !== 'track' || !t) return;
    const next = op.dropKey(t, i);
    if (next) this.change(() => next); else this.remove();
  }
  remove(): void { // what is chosen
    const c = this.chosen;
    if (!c) return;
    const without = <T>(list: T[]): T[] => list.filter((_, i) => i !== c.i);
    if (c.kind === 'track') this.edit((p) => ({ ...p, tracks: without(p.tracks) }));
    else if (c.kind === 'cut') { if (this.plan.cuts.length < 2) return; this.edit((p) => ({ ...p, cuts: without(p.cuts) })); }
    else this.edit((p) => ({ ...p, sound: { ...p.sound, spans: without(p.sound.spans) } }));
    this.chosen = null;
  }

  // ---- cuts and sound

  // frame is how long one lasts, so that an edge moves by one.
  nearby(us: number, by: number): number {
    const f = this.frames[this.source];
    if (!f?.count) return us + Math.round((by * op.million) / (this.facts.fps || 25));
    return f.time(Math.min(f.count - 1, Math.max(0, f.at(us) + by)));
  }
  setEdge(edge: 'from' | 'to', us: number, joined = ''): void {
    this.edge = edge;
    const c = this.chosen;
    if (c?.kind === 'span') this.edit((p) => ({ ...p, sound: { ...p.sound, spans: p.sound.spans.map((s, i) => (i === c.i ? op.moveEdge(s, edge, us, 1000, this.end) : s)) } }), joined);
    else if (c?.kind === 'cut') this.edit((p) => ({ ...p, cuts: p.cuts.map((s, i) => (i === c.i ? op.moveEdge(s, edge, us, 1000, this.end) : s)) }), joined);
  }
  // inOut sets an edge of the chosen cut or span to this moment; without one it takes the cut that is here, or the first.
  inOut(edge: 'from' | 'to'): void {
    if (this.chosen?.kind !== 'cut' && this.chosen?.kind !== 'span') {
      const here = this.plan.cuts.findIndex((c) => c.source === this.source && c.from_us <= this.nowUS && this.nowUS < c.to_us);
      const any = here >= 0 ? here : this.plan.cuts.findIndex((c) => c.source === this.source);
      if (any < 0) { this.addCut(this.nowUS, this.end); return; }
      this.chosen = { kind: 'cut', i: any };
    }
    this.setEdge(edge, this.nowUS);
  }
  nudge(by: number): void {
    const c = this.cut ?? this.span;
    if (!c) return;
    const us = this.nearby(this.edge === 'from' ? c.from_us : c.to_us, by);
    this.setEdge(this.edge, us, `nudge ${this.edge}`);
    this.show(us);
  }
  addCut(from_us: number, to_us: number): void {
    if (this.plan.cuts.length >= 32 || to_us - from_us < 1000) return;
    this.edit((p) => ({ ...p, cuts: [...p.cuts, { source: this.source, from_us, to_us }] }));
    this.chosen = { kind: 'cut', i: this.plan.cuts.length - 1 };
  }
  moveCut(by: 1 | -1): void {
    const c = this.chosen;
    const to = (c?.i ?? 0) + by;
    if (c?.kind !== 'cut' || to < 0 || to >= this.plan.cuts.length) return;
    this.edit((p) => { const cuts = [...p.cuts]; const [one] = cuts.splice(c.i, 1); cuts.splice(to, 0, one!); return { ...p, cuts }; });
    this.chosen = { kind: 'cut', i: to };
  }
  addSpan(from_us: number, to_us: number, reason = 'name'): void {
    if (this.plan.sound.spans.length >= 2000) return;
    const s: Span = { source: this.source, from_us, to_us: Math.max(to_us, from_us + 1000), do: 'mute', reason, protects: '' };
    this.edit((p) => ({ ...p, sound: { ...p.sound, spans: [...p.sound.spans, s].sort((a, b) => a.source - b.source || a.from_us - b.from_us || a.to_us - b.to_us) } }));
    this.chosen = { kind: 'span', i: this.plan.sound.spans.indexOf(s) };
  }
  changeSpan(f: (s: Span) => Span): void {
    const c = this.chosen;
    if (c?.kind === 'span') this.edit((p) => ({ ...p, sound: { ...p.sound, spans: p.sound.spans.map((s, i) => (i === c.i ? f(s) : s)) } }));
  }

  // ---- the server

  #failed(status: number): void {
    this.trouble = status === 401 ? 'signin' : status === 404 ? 'gone' : status === 400 || status === 413 ? 'refused' : 'offline';
  }

  // save sends the plan as the next version after the one it was made from. Nothing is overwritten: if somebody was faster, it says who.
  async save(note: string): Promise<boolean> {
    if (this.saving || !this.dirty) return false;
    this.saving = true;
    this.trouble = '';
    this.problems = [];
    this.conflict = null;
    const sent = this.plan;
    try {
      const { status, body } = await send<Saved & Conflict & { problems?: Problem[] }>(`/api/plans/${boot.id}`, { base: this.base, note, plan: sent });
      if (status === 200 && body) {
        this.base = body.version;
        this.versions = body.versions;
        this.kept = sent;
        this.check = null;
        this.proposals = null;
        void this.look();
        return true;
      }
      if (status === 409 && body) this.conflict = body;
      else { this.#failed(status); this.problems = body?.problems ?? []; }
    } catch { this.trouble = 'offline'; } finally { this.saving = false; }
    return false;
  }

  async act(path: string, body: unknown = {}): Promise<boolean> {
    try {
      await post(`/api/plans/${boot.id}/${path}`, body);
      this.trouble = '';
      void this.look();
      return true;
    } catch (e) { this.#failed(e instanceof Refused ? e.status : 0); return false; }
  }

  // look asks how far check and proposals are, and again while they go on.
  async look(): Promise<void> {
    const mine = ++this.#asking;
    try {
      const a = await get<{ check: Check | null; proposals: Proposals | null }>(`/api/plans/${boot.id}/state`);
      if (mine !== this.#asking) return;
      this.check = a.check;
      this.proposals = a.proposals;
      if (a.check?.state === 'asked' || a.proposals?.state === 'asked') setTimeout(() => { if (mine === this.#asking) void this.look(); }, 1500);
    } catch (e) { if (e instanceof Refused) this.#failed(e.status); }
  }
  stop(): void { this.#asking++; }

  // take puts a proposal into the plan, or all of them. It is a change like any other: it can be taken back, and is not kept before it is saved.
  take(ids: string[]): void {
    const list = (this.proposals?.list ?? []).filter((x) => ids.includes(x.id) && !this.plan.tracks.some((t) => t.id === x.track.id));
    if (!list.length) return;
    this.edit((p) => ({ ...p, tracks: [...p.tracks, ...list.map((x) => x.track)].slice(0, 2000) }));
    this.choose({ kind: 'track', i: this.plan.tracks.length - 1 });
  }

  async loadFrames(i: number, tries = 0): Promise<void> {
    if (this.frames[i] || !boot.sources[i]?.proxy) return;
    try {
      const answer = await fetch(`/api/items/${boot.sources[i].item}/frames`, { credentials: 'same-origin', cache: 'no-store' });
      if (answer.ok) { const f = Frames.parse(new Uint8Array(await answer.arrayBuffer())); this.frames = this.frames.map((x, n) => (n === i ? f : x)); return; }
    } catch { /* asked for again */ }
    if (tries < 6) setTimeout(() => void this.loadFrames(i, tries + 1), 5000 * (tries + 1));
  }

  // code finds whom a code names, so that people never handle identifiers.
  async protect(code: string): Promise<string | null> {
    if (!code) return '';
    try {
      const a = await post<{ id: string; code: string }>('/api/plans/protects', { code });
      this.names = { ...this.names, [a.id]: a.code };
      return a.id;
    } catch { return null; }
  }
}

export const desk = new Desk();
