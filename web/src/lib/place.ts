// Where one is in the archive, as the address bar keeps it: back, reload and sharing with a colleague work.

export const multi = ['accession', 'kind', 'state', 'camera', 'difficulty'] as const;
export type Facet = (typeof multi)[number];

export type Place = {
  at: string; // day, 2020-07-27; empty: the beginning
  item: string; // the item in the peek panel
  q: string;
  from: string;
  to: string;
  order: 'newest' | 'oldest';
  view: 'grid' | 'list';
  fold: boolean; // one row for recordings that are the same footage
} & Record<Facet, string[]>;

const day = (s: string | null) => (s && /^\d{4}-\d{2}-\d{2}$/.test(s) && !Number.isNaN(Date.parse(s)) ? s : '');

// read takes a query string apart; whatever is not well formed is left out.
export function read(search: string): Place {
  const p = new URLSearchParams(search);
  const list = (name: string) => [...new Set(p.getAll(name).filter((v) => v.length <= 100))];
  return {
    at: day(p.get('at')), item: /^it_[0-9a-z]{26}$/.test(p.get('item') ?? '') ? p.get('item')! : '',
    q: (p.get('q') ?? '').slice(0, 40), from: day(p.get('from')), to: day(p.get('to')),
    order: p.get('order') === 'oldest' ? 'oldest' : 'newest', view: p.get('view') === 'list' ? 'list' : 'grid', fold: p.get('fold') !== '0',
    accession: list('accession'), kind: list('kind'), state: list('state'), camera: list('camera'), difficulty: list('difficulty'),
  };
}

function filters(place: Place, p: URLSearchParams): void {
  for (const name of multi) for (const v of place[name]) p.append(name, v);
  for (const name of ['from', 'to', 'q'] as const) if (place[name]) p.set(name, place[name]);
}

// write puts a place into a query string, shortest form; read(write(p)) is p.
export function write(place: Place): string {
  const p = new URLSearchParams();
  if (place.at) p.set('at', place.at);
  filters(place, p);
  if (place.order !== 'newest') p.set('order', place.order);
  if (place.view !== 'grid') p.set('view', place.view);
  if (!place.fold) p.set('fold', '0');
  if (place.item) p.set('item', place.item);
  const s = p.toString();
  return s ? '?' + s : '';
}

// query gives the part of a place that narrows what is listed, for /api.
export function query(place: Place): URLSearchParams {
  const p = new URLSearchParams();
  filters(place, p);
  return p;
}

// filtered says whether anything is left out.
export function filtered(place: Place): boolean { return query(place).toString() !== ''; }
