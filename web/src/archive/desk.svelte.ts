// What the archive browser knows, and how it comes by it. The parts on the screen only read this and call its acts.
import { get, Refused } from '../lib/api';
import { readAside, writeAside } from '../lib/aside';
import { append, type Day, group, pageSize, prepend, type Row, type Window } from '../lib/gridwindow';
import { type Facet, filtered, type Place, query, read, write } from '../lib/place';

export type Derivative = { id: string; kind: string };
export type Peek = Row & {
  format?: string; codec?: string; fps?: number; recordedSource?: string; received?: string; sha256?: string;
  derivatives?: Derivative[]; visit?: string;
};
type Items = { items: Row[] | null; next: string | null };
type Days = { days: Day[] | null; total: number; ms: number; bytes: number };
export type Facets = Partial<Record<Facet, [value: string | number, count: number, label?: string][]>>;

// A row's place in the list, from which it can be read on in either order.
const cursorOf = (r: Row) => `${r.at}~${r.id}`;
const turned = { newest: 'oldest', oldest: 'newest' } as const;

export class Desk {
  place = $state.raw<Place>(read(location.search));
  win = $state.raw<Window>({ rows: [], before: null, after: null });
  days = $state.raw<Day[]>([]);
  facets = $state.raw<Facets>({});
  total = $state(0);
  ms = $state(0);
  known = $state(false); // the totals have come
  loading = $state(true);
  problem = $state<'' | 'archive.error' | 'common.offline' | 'common.ended'>('');
  aside = $state.raw(readAside());
  current = $state(this.place.item);
  columns = $state(4);
  seen = $state(''); // the day at the top of the screen
  groups = $derived(group(this.win.rows));
  counts = $derived(new Map(this.days.map(([d, n, ms]) => [d, { n, ms }])));
  row = $derived(this.win.rows.find((r) => r.id === this.current) ?? null);
  filtered = $derived(filtered(this.place));

  #run = 0;
  #busy = false;
  #abort = new AbortController();
  // keep is set by the list: it holds what one looks at in its place while rows come and go around it.
  keep: (change: () => void) => Promise<void> = async (change) => change();
  top: (id: string) => void = () => {};

  start(): void {
    window.addEventListener('popstate', () => {
      this.place = read(location.search);
      this.current = this.place.item;
      void this.load('all', this.current);
    });
    void this.load('all', this.current);
  }

  #params(order = this.place.order): URLSearchParams {
    const p = query(this.place);
    p.set('limit', String(pageSize));
    p.set('order', order);
    if (this.place.fold) p.set('fold', '1');
    return p;
  }

  #trouble(e: unknown): void {
    if (e instanceof DOMException && e.name === 'AbortError') return;
    this.problem = e instanceof Refused ? (e.status === 401 ? 'common.ended' : 'archive.error') : 'common.offline';
  }

  // load reads the list at the place, and the figures beside it. reveal is an item that must be in sight, if the filters let it.
  async load(what: 'all' | 'list' = 'all', reveal = ''): Promise<void> {
    const run = ++this.#run;
    this.#abort.abort();
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.loading = true;
    this.problem = '';
    const p = this.#params();
    if (this.place.at) p.set('at', this.place.at);
    try {
      const figures = what === 'all' ? Promise.all([get<Days>('/api/days', query(this.place), signal), get<Facets>('/api/facets', query(this.place), signal)]) : null;
      figures?.catch(() => {}); // answered for below
      let page = await get<Items>('/api/items', p, signal);
      if (reveal && !page.items?.some((r) => r.id === reveal)) {
        // Its day is a long one, or no day was named: begin right at the item. One that is not there any more changes nothing.
        const one = await get<Peek>(`/api/items/${reveal}`, undefined, signal).catch(() => null);
        if (one) {
          p.set('at', new Date(Date.parse(one.at) + (this.place.order === 'newest' ? 1000 : -1000)).toISOString());
          page = await get<Items>('/api/items', p, signal);
          if (this.place.fold && !page.items?.some((r) => r.id === reveal)) {
            // It lies behind a copy of it: whoever asks for it by name is shown it.
            p.delete('fold');
            const open = await get<Items>('/api/items', p, signal);
            if (open.items?.some((r) => r.id === reveal)) {
              this.#go({ fold: false }, 'replace');
              page = open;
            }
          }
        }
      }
      if (run !== this.#run) return;
      const rows = page.items ?? [];
      this.win = { rows, before: p.has('at') && rows[0] ? cursorOf(rows[0]) : null, after: page.next };
      this.top(reveal);
      if (this.current && !rows.some((r) => r.id === this.current)) this.current = '';
      this.loading = false;
      if (figures) {
        const [days, facets] = await figures;
        if (run !== this.#run) return;
        this.days = days.days ?? [];
        this.total = days.total;
        this.ms = days.ms;
        this.facets = facets;
        this.known = true;
      }
    } catch (e) {
      if (run === this.#run) {
        this.loading = false;
        this.#trouble(e);
      }
    }
  }

  // more reads on at one end of what is on the screen; turned round, the same request reads the other way.
  async more(end: 'before' | 'after'): Promise<void> {
    const cursor = this.win[end];
    if (!cursor || this.#busy || this.loading || this.problem) return;
    const run = this.#run;
    this.#busy = true;
    try {
      const p = this.#params(end === 'after' ? this.place.order : turned[this.place.order]);
      p.set('cursor', cursor);
      const page = await get<Items>('/api/items', p, this.#abort.signal);
      if (run !== this.#run) return;
      const rows = page.items ?? [];
      await this.keep(() => {
        this.win = end === 'after' ? append(this.win, rows, page.next, cursorOf, this.columns) : prepend(this.win, rows, page.next, cursorOf);
      });
    } catch (e) {
      if (run === this.#run) this.#trouble(e);
    } finally {
      this.#busy = false;
    }
  }

  #go(change: Partial<Place>, how: 'push' | 'replace'): void {
    this.place = { ...this.place, ...change };
    const url = location.pathname + write(this.place);
    if (how === 'push') history.pushState(null, '', url);
    else history.replaceState(null, '', url);
  }

  jump(day: string): void {
    if (!day) return;
    this.#go({ at: day }, 'push');
    this.seen = day;
    void this.load('list');
  }

  // scrolled keeps the address on the day at the top of the screen.
  scrolled(day: string, first: boolean): void {
    this.seen = day;
    const at = first && !this.win.before ? '' : day;
    if (at !== this.place.at) this.#go({ at }, 'replace');
  }

  choose(id: string): void {
    this.current = id;
    this.#go({ item: id }, 'replace');
  }

  toggle(facet: Facet, value: string): void {
    const now = this.place[facet];
    this.narrow({ [facet]: now.includes(value) ? now.filter((v) => v !== value) : [...now, value] });
  }

  narrow(change: Partial<Place>): void {
    this.#go(change, 'push');
    void this.load();
  }

  clear(): void { this.narrow({ accession: [], kind: [], state: [], camera: [], difficulty: [], from: '', to: '', q: '' }); }

  view(view: Place['view']): void { this.#go({ view }, 'replace'); }

  fold(fold: boolean): void {
    this.#go({ fold }, 'replace');
    void this.load('list', this.current);
  }

  order(order: Place['order']): void {
    this.#go({ order, at: '' }, 'push');
    void this.load('list');
  }

  setAside(id: string): void {
    const set = new Set(this.aside);
    if (!set.delete(id)) set.add(id);
    this.aside = set;
    writeAside(set);
  }

  bringAllBack(): void {
    this.aside = new Set();
    writeAside(this.aside);
  }

  // shown says how a row may be drawn: covered as usual, or as a mere place where something is.
  shown(r: Row): 'covered' | 'aside' | 'quarantined' | 'erased' {
    if (r.state === 'erased' || r.state === 'quarantined') return r.state;
    return this.aside.has(r.id) ? 'aside' : 'covered';
  }
}
