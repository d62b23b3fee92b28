// The stretch of the archive that is on the page: pages of 200 around the place where one looks, never more than seven.
// Nothing here touches the page itself.

export type Row = {
  id: string; ref: string; kind: string; state: string; reason: string; at: string; known: boolean; day: string; ms: number; bytes: number;
  micro: string; acc: string; camera: string; w: number; h: number; copies: number; difficulty: number; anomalies: number;
  fold?: { recordings: number; files: number }; // copies that are folded into this row
};

export const pageSize = 200;
export const mostPages = 7;

export type Window = {
  rows: Row[];
  before: string | null; // cursor for the rows before the first one, read in the other order; null: there are none
  after: string | null;
};

// append puts rows that follow at the end and takes as many from the beginning as needed. columns keeps a cut inside a day
// at the end of a line of the grid, so that what stays does not shift sideways.
export function append(w: Window, rows: Row[], after: string | null, cursor: (r: Row) => string | null, columns = 1): Window {
  const known = new Set(w.rows.map((r) => r.id));
  const all = [...w.rows, ...rows.filter((r) => !known.has(r.id))];
  const over = all.length - pageSize * mostPages;
  if (over <= 0) return { rows: all, before: w.before, after };
  const cut = snap(all, over, columns);
  return { rows: all.slice(cut), before: cut > 0 ? cursor(all[cut]!) : w.before, after };
}

// prepend is append for the other side; rows come nearest first, as the turned-round request gives them.
export function prepend(w: Window, rows: Row[], before: string | null, cursor: (r: Row) => string | null): Window {
  const known = new Set(w.rows.map((r) => r.id));
  const all = [...rows.filter((r) => !known.has(r.id)).reverse(), ...w.rows];
  const keep = pageSize * mostPages;
  if (all.length <= keep) return { rows: all, before, after: w.after };
  return { rows: all.slice(0, keep), before, after: cursor(all[keep - 1]!) };
}

// snap moves a cut on to a whole line of the grid when it falls inside a day.
function snap(rows: Row[], cut: number, columns: number): number {
  const day = rows[cut]!.day;
  let first = cut;
  while (first > 0 && rows[first - 1]!.day === day) first--;
  const inside = cut - first;
  const rest = inside % Math.max(1, columns);
  return Math.min(rows.length - 1, rest ? cut + columns - rest : cut);
}

export type Group = { day: string; rows: Row[] };

// group puts rows of the same day together, in the order in which they come.
export function group(rows: Row[]): Group[] {
  const out: Group[] = [];
  for (const r of rows) {
    const last = out.at(-1);
    if (last && last.day === r.day) last.rows.push(r);
    else out.push({ day: r.day, rows: [r] });
  }
  return out;
}

export type Day = [day: string, count: number, ms: number];

// Mark is a month on the date rail. Only months that hold something have a place there, one below the other with equal
// distance: one recorder whose clock stood at 1970 must not press all others into a corner.
export type Mark = { month: string; count: number; first: string; last: string };

// marks folds days into months, or into years where there would be too many to point at.
export function marks(days: Day[], order: 'newest' | 'oldest', most = 360): Mark[] {
  const fold = (size: number) => {
    const by = new Map<string, Mark>();
    for (const [day, count] of days) {
      const month = day.slice(0, size);
      const m = by.get(month);
      if (!m) by.set(month, { month, count, first: day, last: day });
      else { m.count += count; if (day < m.first) m.first = day; if (day > m.last) m.last = day; }
    }
    return [...by.values()].sort((a, b) => (a.month < b.month ? -1 : 1));
  };
  let out = fold(7);
  if (out.length > most) out = fold(4);
  return order === 'newest' ? out.reverse() : out;
}

export type Bin = { from: string; to: string; count: number };

// bins folds days into at most n bars of equal numbers of months that hold something.
export function bins(days: Day[], n: number): Bin[] {
  const months = marks(days, 'oldest', Number.MAX_SAFE_INTEGER);
  const size = Math.max(1, Math.ceil(months.length / n));
  const out: Bin[] = [];
  for (let i = 0; i < months.length; i += size) {
    const part = months.slice(i, i + size);
    out.push({ from: part[0]!.first, to: part.at(-1)!.last, count: part.reduce((s, m) => s + m.count, 0) });
  }
  return out;
}

// step finds where a move of the pointer lands. columns of a day may be short, so up and down look at real lines.
export function step(groups: Group[], id: string, move: 'on' | 'back' | 'down' | 'up', columns: number): string {
  const flat = groups.flatMap((g) => g.rows);
  if (!flat.length) return '';
  const at = flat.findIndex((r) => r.id === id);
  if (at < 0) return flat[0]!.id;
  if (move === 'on') return flat[Math.min(flat.length - 1, at + 1)]!.id;
  if (move === 'back') return flat[Math.max(0, at - 1)]!.id;
  const lines: Row[][] = groups.flatMap((g) => Array.from({ length: Math.ceil(g.rows.length / columns) }, (_, i) => g.rows.slice(i * columns, (i + 1) * columns)));
  const line = lines.findIndex((l) => l.some((r) => r.id === id));
  const column = lines[line]!.findIndex((r) => r.id === id);
  const next = lines[line + (move === 'down' ? 1 : -1)];
  return next ? next[Math.min(column, next.length - 1)]!.id : id;
}
