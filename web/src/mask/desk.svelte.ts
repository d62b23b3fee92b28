// What the player, the lanes and the panel of the mask editor share: the plan as it is drawn, the way back, and what the server says of it.
import { get, post, Refused } from '../lib/api';
import { Frames } from '../lib/frames';
import * as op from './plan';
import type { Box, Cut, Plan, Shown, Span, Track } from './plan';
import { type Blocker, boot as maybe, type Check, type Proposal, type Proposals, type Source, type Version, words as w } from './words';

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
  stale = $state(false); // something that the page said when it was loaded has changed since
  asked = $state(false); // the server has said what it knows of check and proposals
  names = $state.raw<Record<string, string>>(boot.names);
  // When the picture is shown that the player shows, and from when to when the frames are that nobody sees apart from it.
  nowUS = $state(0);
  sinceUS = $state(0);
  untilUS = $state(0);
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
  get marks(): number[] {
    const open = this.open.filter((b) => b.source === this.source).map((b) => b.at_us);
    return op.marks(this.plan, this.source, open);
  }
  // What a check found stands for the version that it walked and for no other.
  get open(): Blocker[] { return this.check?.state === 'done' && this.check.version === this.base ? this.check.blockers.filter((b) => !b.dismissed) : []; }
  // What is proposed and not in the plan yet.
  get offered(): Proposal[] {
    const known = new Set(this.plan.tracks.map((t) => t.id));
    return (this.proposals?.list ?? []).filter((x) => !known.has(x.track.id) && boot.sources[x.track.source] !== undefined);
  }

  // say tells those who listen. The same words twice would not be heard the second time.
  say(text: string): void { this.said = this.said === text ? `${text}\u00a0` : text; }

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
    const t = this.track;
    this.plan = next;
    if (t && this.track?.id !== t.id) { // others before it went, or it did
      const i = next.tracks.findIndex((x) => x.id === t.id);
      this.chosen = i < 0 ? null : { kind: 'track', i };
    }
    this.problems = [];
    if (this.trouble === 'refused') this.trouble = ''; // it was another plan that was refused
    this.#count();
  }
  settle(): void { this.#joined = ''; } // the movement is over
  undo(): void { if (this.#turn(this.#done, this.#undone)) this.say(w.t('plan.said_undone')); }
  redo(): void { if (this.#turn(this.#undone, this.#done)) this.say(w.t('plan.said_redone')); }
  #turn(from: Step[], to: Step[]): boolean {
    const s = from.pop();
    if (!s) return false;
    to.push({ plan: this.plan, chosen: this.chosen });
    this.plan = s.plan;
    this.chosen = this.#about(s.chosen)?.source === this.source ? s.chosen : null;
    this.#joined = '';
    this.#count();
    return true;
  }
  #about(c: Chosen): Track | Cut | Span | null { return c ? ((c.kind === 'track' ? this.plan.tracks : c.kind === 'cut' ? this.plan.cuts : this.plan.sound.spans)[c.i] ?? null) : null; }
  #count(): void { this.canUndo = this.#done.length > 0; this.canRedo = this.#undone.length > 0; }

  // choose takes a mask, a cut or a span to work on, and shows the recording it is about.
  choose(c: Chosen): void {
    const about = this.#about(c);
    if (c && !about) return;
    this.chosen = c;
    this.#joined = '';
    if (about) this.source = about.source;
  }

  // turnTo shows another recording. What was chosen of this one must not be changed at a moment of that one.
  turnTo(source: number): void {
    if (source === this.source || !boot.sources[source]) return;
    this.source = source;
    this.chosen = null;
    this.drawing = false;
    this.#joined = '';
  }

  // ---- masks

  // box puts the chosen mask somewhere at this moment.
  box(b: Box, joined = ''): void {
    const c = this.chosen;
    if (c?.kind !== 'track') return;
    const us = this.nowUS, since = this.sinceUS;
    this.edit((p) => op.withTrack(p, c.i, (t) => op.setBox(t, us, b, since)), joined);
  }
  // add makes a mask and chooses it. false: there can be no more, and nothing else is to be moved in its stead.
  add(b: Box): boolean {
    if (!this.may) return false;
    if (this.plan.tracks.length >= op.most) { this.say(w.t('plan.said_full')); return false; }
    const hide = this.plan.picture.hide;
    const empty: Track = { id: op.newTrackID(), source: this.source, kind: 'solid', reveal: hide, reason: hide ? 'other' : 'face', protects: '', keys: [], until_end: true, origin: '' };
    const t = op.setBox(empty, this.nowUS, b, this.sinceUS);
    this.edit((p) => ({ ...p, tracks: [...p.tracks, t] }), `draw ${t.id}`);
    this.chosen = { kind: 'track', i: this.plan.tracks.length - 1 };
    return true;
  }
  // endHere lets the chosen mask end with the picture that is shown.
  endHere(): void {
    const us = this.nowUS, until = this.untilUS;
    this.change((t) => op.endAt(t, us, until));
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
  // remove takes out what is chosen. A plan keeps its last cut.
  remove(): void {
    const c = this.chosen;
    if (!c || !this.may || (c.kind === 'cut' && this.plan.cuts.length < 2)) return;
    const without = <T>(list: T[]): T[] => list.filter((_, i) => i !== c.i);
    if (c.kind === 'track') this.edit((p) => ({ ...p, tracks: without(p.tracks) }));
    else if (c.kind === 'cut') this.edit((p) => ({ ...p, cuts: without(p.cuts) }));
    else this.edit((p) => ({ ...p, sound: { ...p.sound, spans: without(p.sound.spans) } }));
    this.chosen = null;
    this.say(w.t('plan.said_removed'));
  }

  // ---- cuts and sound

  // nearby is the beginning of the frame before or after a time, which may be the end of the recording.
  nearby(us: number, by: 1 | -1): number {
    const f = this.frames[this.source];
    if (!f?.count) return us + Math.round((by * op.million) / (this.facts.fps || 25));
    const i = f.at(us), at = f.time(i);
    if (by < 0) return at < us ? at : f.time(i - 1);
    return i + 1 < f.count ? f.time(i + 1) : Math.max(us, this.end);
  }
  setEdge(edge: 'from' | 'to', us: number, joined = ''): void {
    this.edge = edge;
    const c = this.chosen;
    if (c?.kind === 'span') this.edit((p) => ({ ...p, sound: { ...p.sound, spans: p.sound.spans.map((s, i) => (i === c.i ? op.moveEdge(s, edge, us, 1000, this.end) : s)) } }), joined);
    else if (c?.kind === 'cut') this.edit((p) => ({ ...p, cuts: p.cuts.map((s, i) => (i === c.i ? op.moveEdge(s, edge, us, 1000, this.end) : s)) }), joined);
  }
  // inOut sets an edge of the chosen cut or span to this moment; without one it takes the cut that is here, or the first.
  inOut(edge: 'from' | 'to'): void {
    if (!this.may) return;
    if (this.chosen?.kind !== 'cut' && this.chosen?.kind !== 'span') {
      const here = this.plan.cuts.findIndex((c) => c.source === this.source && c.from_us <= this.nowUS && this.nowUS < c.to_us);
      const any = here >= 0 ? here : this.plan.cuts.findIndex((c) => c.source === this.source);
      if (any < 0) { this.addCut(this.nowUS, this.end); return; }
      this.chosen = { kind: 'cut', i: any };
    }
    this.setEdge(edge, this.nowUS);
  }
  nudge(by: 1 | -1): void {
    const c = this.cut ?? this.span;
    if (!c || !this.may) return;
    const us = this.nearby(this.edge === 'from' ? c.from_us : c.to_us, by);
    this.setEdge(this.edge, us, `nudge ${this.edge}`);
    this.show(us);
  }
  addCut(from_us: number, to_us: number): void {
    if (!this.may || this.plan.cuts.length >= 32 || to_us - from_us < 1000) return;
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
    if (!this.may || this.plan.sound.spans.length >= 2000) return;
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
    this.trouble = status === 401 ? 'signin' : status === 403 || status === 404 ? 'gone' : status >= 400 && status < 500 && status !== 429 ? 'refused' : 'offline';
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
        this.asked = false;
        this.stale = true;
        void this.look();
        return true;
      }
      if (status === 409 && body?.head) this.conflict = body;
      else { this.#failed(status); this.problems = body?.problems ?? []; }
    } catch { this.trouble = 'offline'; } finally { this.saving = false; }
    return false;
  }

  async act(path: string, body: unknown = {}): Promise<boolean> {
    try {
      await post(`/api/plans/${boot.id}/${path}`, body);
      this.trouble = '';
      this.stale = true;
      void this.look();
      return true;
    } catch (e) { this.#failed(e instanceof Refused ? e.status : 0); return false; }
  }

  // look asks how far check and proposals are, and again while they go on, or while the server does not answer.
  async look(): Promise<void> {
    const mine = ++this.#asking;
    let again = 0; // ms
    try {
      const a = await get<{ check: Check | null; proposals: Proposals | null }>(`/api/plans/${boot.id}/state`);
      if (mine !== this.#asking) return;
      const going = this.check?.state === 'asked';
      this.asked = true;
      this.check = a.check;
      this.proposals = a.proposals;
      if (going && a.check?.state === 'done') {
        this.stale = true;
        const n = this.open.filter((b) => b.grave).length;
        this.say(n ? w.t('plan.blockers_n', { n }) : w.t('plan.no_blockers'));
      }
      if (a.check?.state === 'asked' || a.proposals?.state === 'asked') again = 1500;
    } catch (e) {
      if (mine !== this.#asking) return;
      const status = e instanceof Refused ? e.status : 0;
      if (status >= 400 && status < 500 && status !== 429) this.#failed(status);
      else again = 5000;
    }
    if (again) setTimeout(() => { if (mine === this.#asking) void this.look(); }, again);
  }
  stop(): void { this.#asking++; }

  // take puts proposals into the plan. It is a change like any other: it can be taken back, and is not kept before it is saved.
  take(list: Proposal[]): void {
    const had = this.plan.tracks.length;
    this.edit((p) => op.take(p, list.map((x) => x.track)));
    const n = this.plan.tracks.length - had;
    if (n > 0) this.choose({ kind: 'track', i: had + n - 1 });
    this.say(n < list.length ? w.t('plan.said_full') : w.t('plan.said_taken', { n }));
  }

  async loadFrames(i: number, tries = 0): Promise<void> {
    if (this.frames[i] || !boot.sources[i]?.proxy) return;
    try {
      const answer = await fetch(`/api/items/${boot.sources[i].item}/frames`, { credentials: 'same-origin', cache: 'no-store' });
      if (answer.ok) { const f = Frames.parse(new Uint8Array(await answer.arrayBuffer())); this.frames = this.frames.map((x, n) => (n === i ? f : x)); return; }
    } catch { /* asked for again */ }
    if (tries < 6) setTimeout(() => void this.loadFrames(i, tries + 1), 5000 * (tries + 1));
  }

  // protect finds whom a code names, so that people never handle identifiers. null: nobody, or the server did not say.
  async protect(code: string): Promise<string | null> {
    if (!code) return '';
    try {
      const a = await post<{ id: string; code: string }>('/api/plans/protects', { code });
      this.names = { ...this.names, [a.id]: a.code };
      return a.id;
    } catch (e) {
      const status = e instanceof Refused ? e.status : 0;
      if (status === 400 || status === 404) this.trouble = ''; else this.#failed(status);
      return null;
    }
  }
}

export const desk = new Desk();
