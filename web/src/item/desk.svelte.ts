// What the player, the timeline and the panel of notes share: the notes on the item, the one that is worked on, what waits to be sent, and
// the way back.
import { get, post, Refused } from '../lib/api';
import { Frames } from '../lib/frames';
import { Errands, equal, type Kept, type Mark, markOf, moveEdge, newKey, onFrames, type Region, span } from './marking';
import { boot as maybe } from './words';

const boot = maybe!;

export type State = 'kept' | 'waiting' | 'refused';
export type Note = Kept & { key: string; state: State; trouble: number; gone: boolean };
export type Tag = { tag: string; label: string; parent: string };
type Answer = { notes: Kept[]; tags: Tag[]; me: string; may: boolean; evidence: boolean; export: boolean; reaction: number; frames: number };
type Act = { key: string; undo: () => void; redo: () => void };

const timed = boot.kind === 'video' || boot.kind === 'audio';
const empty = (): Mark => ({ frameFrom: -1, frameTo: -1, from: 0, to: 0, region: null, page: 0, body: '', tag: '', lang: '' });

class Desk {
  notes = $state<Note[]>([]);
  tags = $state.raw<Tag[]>([]);
  may = $state(false);
  evidence = $state(false);
  export = $state(false);
  reaction = $state(300);
  loaded = $state<'' | 'yes' | 'failed'>('');
  frames = $state.raw<Frames | null>(null);
  framesWait = $state(false);

  // chosen is the key of the note that is worked on; "" with a draft that is not kept yet, null with nothing.
  chosen = $state<string | null>(null);
  draft = $state<Mark | null>(null);
  edge = $state<'from' | 'to'>('to');
  drawing = $state(false);
  marking = $state<number | null>(null); // since when the key is held, microseconds
  waiting = $state(0);
  trouble = $state<'' | 'later' | 'signin'>('');
  said = $state(''); // for those who listen
  group = $state<'author' | 'tag'>('author');
  canUndo = $state(false);
  canRedo = $state(false);

  // What the player gives.
  now: () => number = () => 0; // microseconds
  show: (us: number) => void = () => {};
  page: () => number = () => 0;

  #me = '';
  #steps: Mark[] = [];
  #ahead: Mark[] = [];
  #done: Act[] = [];
  #undone: Act[] = [];
  readonly #errands = new Errands((e) => (e instanceof Refused ? e.status : null), (o) => {
    this.waiting = this.#errands.waiting;
    if (o === 'sent' || o === 'refused') this.trouble = '';
    else this.trouble = o;
  });

  get me(): string { return this.#me; }
  get visible(): Note[] { return this.notes.filter((n) => !n.gone); }
  get note(): Note | null { return this.chosen ? (this.notes.find((n) => n.key === this.chosen) ?? null) : null; }
  get dirty(): boolean {
    if (!this.draft) return false;
    const n = this.note;
    return n ? !equal(n, this.draft) : true;
  }
  label(tag: string): string { return this.tags.find((t) => t.tag === tag)?.label ?? tag.slice(tag.indexOf(':') + 1); }

  async load(): Promise<void> {
    try {
      const a = await get<Answer>(`/api/items/${boot.id}/notes`);
      const ours = this.notes.filter((n) => n.state !== 'kept');
      this.notes = [...a.notes.map((n) => ({ ...n, key: n.id, state: 'kept' as const, trouble: 0, gone: false })), ...ours];
      this.tags = a.tags;
      this.#me = a.me;
      this.may = a.may;
      this.evidence = a.evidence;
      this.export = a.export;
      this.reaction = a.reaction;
      this.loaded = 'yes';
    } catch { this.loaded = 'failed'; }
    if (boot.kind === 'video') await this.loadFrames();
  }

  // The list is made when somebody asks for it the first time; it is asked for again for a while.
  async loadFrames(tries = 0): Promise<void> {
    try {
      const answer = await fetch(`/api/items/${boot.id}/frames`, { credentials: 'same-origin', cache: 'no-store' });
      if (answer.ok) {
        this.frames = Frames.parse(new Uint8Array(await answer.arrayBuffer()));
        this.framesWait = false;
        return;
      }
      this.framesWait = answer.status === 404;
    } catch { this.framesWait = true; }
    if (tries < 6) setTimeout(() => void this.loadFrames(tries + 1), 5000 * (tries + 1));
  }

  // ---- choosing

  // choose takes a note to work on. What was changed on the one before is kept first: nothing is lost by looking elsewhere.
  choose(key: string | null): void {
    if (key === this.chosen && this.draft) return;
    this.keep();
    this.drawing = false;
    this.#steps = [];
    this.#ahead = [];
    this.chosen = key;
    const n = this.note;
    this.draft = n ? markOf(n) : null;
    this.edge = 'to';
    this.#count();
  }

  // fresh begins a note at a time.
  fresh(us: number): void {
    this.choose(null);
    this.chosen = '';
    const m = empty();
    m.page = boot.kind === 'document' ? this.page() : 0;
    this.draft = timed ? span(m, us, us, this.frames) : m;
  }

  #mayEdit(): boolean {
    if (!this.may) return false;
    const n = this.note;
    return !n || n.mine;
  }

  // edit changes the note that is worked on, and remembers the way back.
  edit(f: (m: Mark) => Mark, joined = false): void {
    if (!this.draft || !this.#mayEdit()) return;
    const next = f($state.snapshot(this.draft) as Mark);
    if (equal(next, this.draft)) return;
    if (!joined || !this.#steps.length) this.#steps.push($state.snapshot(this.draft) as Mark);
    this.#ahead = [];
    this.draft = next;
    this.#count();
  }

  // ---- edges

  setEdge(edge: 'from' | 'to'): void {
    if (!timed || !this.may) return;
    const at = this.now();
    this.edge = edge;
    if (!this.draft || (this.note && !this.note.mine)) { this.fresh(at); this.edge = edge; return; }
    const d = this.draft;
    // An in after the out, or an out before the in, begins anew there.
    this.edit((m) => (edge === 'from' ? span(m, at, Math.max(at, d.to), this.frames) : span(m, Math.min(at, d.from), at, this.frames)));
  }
  nudge(by: number): void {
    if (!this.draft || !timed) return;
    this.edit((m) => moveEdge(m, this.edge, by, this.frames));
    this.show(this.edge === 'from' ? this.draft.from : this.draft.to);
  }
  goEdge(edge: 'from' | 'to'): void {
    if (!this.draft || !timed) return;
    this.edge = edge;
    this.show(edge === 'from' ? this.draft.from : this.draft.to);
  }
  setFrames(a: number, b: number): void {
    const f = this.frames;
    if (f?.count) this.edit((m) => onFrames(m, a, b, f));
  }
  setTimes(a: number, b: number): void { this.edit((m) => span(m, a, b, this.frames)); }

  // ---- the picture

  setRegion(r: Region | null, joined = false): void { this.edit((m) => ({ ...m, region: r }), joined); }

  // ---- keeping

  // keep sends what was changed. A note that says nothing new is left as it was.
  keep(): void {
    const d = this.draft;
    if (!d || !this.dirty || !this.#mayEdit()) return;
    const mark = $state.snapshot(d) as Mark;
    const n = this.note;
    if (n) {
      const before = markOf(n);
      this.#change(n.key, mark);
      this.#did({ key: n.key, undo: () => this.#change(n.key, before), redo: () => this.#change(n.key, mark) });
    } else {
      const key = this.#add(mark);
      this.#did({ key, undo: () => this.#delete(key), redo: () => this.#restore(key) });
      this.chosen = key;
    }
    this.#steps = [];
    this.#ahead = [];
    this.draft = markOf(mark);
    this.#count();
  }

  // mark keeps a note at once, as while the film runs.
  mark(from: number, to: number): void {
    if (!this.may) return;
    this.keep();
    this.fresh(from);
    this.draft = span(empty(), from, to, this.frames);
    this.keep();
  }

  drop(): void { // the draft, without keeping it
    if (this.chosen === '') { this.chosen = null; this.draft = null; } else { const n = this.note; this.draft = n ? markOf(n) : null; }
    this.#steps = [];
    this.#ahead = [];
    this.drawing = false;
    this.#count();
  }

  remove(key: string): void {
    const n = this.notes.find((x) => x.key === key);
    if (!n?.mine || !this.may) return;
    if (this.chosen === key) { this.drop(); this.chosen = null; this.draft = null; }
    if (n.state === 'refused' && !n.id) { this.notes = this.notes.filter((x) => x.key !== key); return; }
    this.#delete(key);
    this.#did({ key, undo: () => this.#restore(key), redo: () => this.#delete(key) });
  }

  again(key: string): void { // what was refused is sent once more, as it is now
    const n = this.notes.find((x) => x.key === key);
    if (!n) return;
    if (n.id) this.#change(key, markOf(n)); else this.#sendAdd(n);
  }

  #set(key: string, f: Partial<Note>): void { this.notes = this.notes.map((n) => (n.key === key ? { ...n, ...f } : n)); }
  #find(key: string): Note { return this.notes.find((n) => n.key === key)!; }

  #add(m: Mark): string {
    const key = newKey();
    const at = new Date().toISOString();
    const n: Note = { ...markOf(m), id: '', key, author: this.#me, authorName: '', mine: true, version: 1, created: at, changed: at, state: 'waiting', trouble: 0, gone: false };
    this.notes = [...this.notes, n];
    this.#sendAdd(n);
    return key;
  }
  #sendAdd(n: Note): void {
    const body = this.#body(n);
    this.#put(n.key, async () => {
      const kept = await post<Kept>(`/api/items/${boot.id}/notes`, { key: n.key, ...body });
      // A change that waits behind this one stays on the screen.
      const more = this.#errands.list.some((e, i) => i > 0 && e.key === n.key);
      this.#set(n.key, { ...(more ? {} : kept), id: kept.id, version: kept.version, authorName: kept.authorName, state: more ? 'waiting' : 'kept', trouble: 0 });
    });
  }
  #change(key: string, m: Mark): void {
    this.#set(key, { ...markOf(m), state: 'waiting' });
    if (this.chosen === key) this.draft = markOf(m);
    const body = this.#body(m);
    this.#put(key, async () => {
      const n = this.#find(key);
      const kept = await post<Kept>(`/api/notes/${n.id}`, { version: n.version, ...body });
      const more = this.#errands.list.some((e, i) => i > 0 && e.key === key);
      this.#set(key, { ...(more ? {} : kept), version: kept.version, state: more ? 'waiting' : 'kept', trouble: 0 });
    });
  }
  #delete(key: string): void {
    if (this.chosen === key) { this.chosen = null; this.draft = null; }
    this.#set(key, { gone: true });
    this.#put(key, async () => { await post(`/api/notes/${this.#find(key).id}/delete`); });
  }
  #restore(key: string): void {
    this.#set(key, { gone: false });
    this.chosen = key; // what comes back is what is looked at
    this.draft = markOf(this.#find(key));
    this.#put(key, async () => { await post(`/api/notes/${this.#find(key).id}/restore`); });
  }
  #body(m: Mark): Record<string, unknown> {
    const { frameFrom, frameTo, from, to, region, page, body, tag, lang } = markOf(m);
    return { ...(frameFrom >= 0 ? { frameFrom, frameTo } : {}), from, to, region, page, body, tag, lang };
  }
  #put(key: string, send: () => Promise<void>): void {
    this.#errands.put({ key, send, refused: (status) => this.#set(key, { state: 'refused', trouble: status, gone: false }) });
    this.waiting = this.#errands.waiting;
  }
  resume(): void { void this.#errands.run(); }

  // ---- the way back

  #did(a: Act): void {
    this.#done.push(a);
    this.#undone = [];
    this.#count();
  }
  #count(): void {
    this.canUndo = this.#steps.length > 0 || this.#done.length > 0;
    this.canRedo = this.#ahead.length > 0 || this.#undone.length > 0;
  }
  // undo takes back the last step on the note that is worked on, then the last thing that was kept.
  undo(): void {
    const step = this.#steps.pop();
    if (step && this.draft) {
      this.#ahead.push($state.snapshot(this.draft) as Mark);
      this.draft = step;
    } else {
      if (this.dirty) { this.drop(); return; }
      const a = this.#done.pop();
      if (a) { a.undo(); this.#undone.push(a); this.#follow(a.key); }
    }
    this.#count();
  }
  redo(): void {
    const step = this.#ahead.pop();
    if (step && this.draft) {
      this.#steps.push($state.snapshot(this.draft) as Mark);
      this.draft = step;
    } else {
      const a = this.#undone.pop();
      if (a) { a.redo(); this.#done.push(a); this.#follow(a.key); }
    }
    this.#count();
  }
  #follow(key: string): void {
    if (this.chosen !== key) return;
    const n = this.note;
    this.draft = n && !n.gone ? markOf(n) : null;
    if (!this.draft) this.chosen = null;
  }
}

export const desk = new Desk();
