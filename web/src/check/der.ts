// A reader of DER (X.690 section 10): definite lengths in their shortest form, nothing after the end.
import { equal, type Bytes } from './bytes';

export class Der extends Error {}

export type Node = { tag: number; raw: Bytes; body: Bytes };

const no = (what: string): never => { throw new Der(what); };

// take reads one value at a place.
function take(b: Bytes, at: number): { node: Node; next: number } {
  const tag = b[at], first = b[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return no('a value is cut off or has a long tag');
  let length = first, head = 2;
  if (first & 0x80) {
    const n = first & 0x7f;
    if (n === 0 || n > 3) no('a length is indefinite or too large');
    length = 0;
    for (let i = 0; i < n; i++) {
      const v = b[at + 2 + i] ?? no('a length is cut off');
      if (i === 0 && v === 0) no('a length is not in its shortest form');
      length = length * 256 + v;
    }
    if (length < 0x80) no('a length is not in its shortest form');
    head += n;
  }
  const next = at + head + length;
  if (next > b.length) no('a value is cut off');
  return { node: { tag, raw: b.subarray(at, next), body: b.subarray(at + head, next) }, next };
}

export function one(b: Bytes): Node {
  const { node, next } = take(b, 0);
  return next === b.length ? node : no('something after the end');
}

export function many(b: Bytes): Node[] {
  const out: Node[] = [];
  for (let at = 0; at < b.length;) { const r = take(b, at); out.push(r.node); at = r.next; }
  return out;
}

export const expect = (n: Node | undefined, tag: number, what: string): Node => (n && n.tag === tag ? n : no(`${what} is missing or of another form`));

// List takes values in turn, so that nothing can stand behind or between what is named.
export class List {
  readonly #nodes: Node[];
  constructor(body: Bytes, readonly what: string) { this.#nodes = many(body); }
  get left(): number { return this.#nodes.length; }
  next(tag: number): Node { return this.maybe(tag) ?? no(`${this.what}: a part is missing or of another form`); }
  maybe(tag: number): Node | null { return this.#nodes[0]?.tag === tag ? this.#nodes.shift()! : null; }
  any(): Node { return this.#nodes.shift() ?? no(`${this.what}: a part is missing`); }
  seq(): List { return new List(this.next(0x30).body, this.what); }
  set(): List { return new List(this.next(0x31).body, this.what); }
  oid(): string { return oid(this.next(0x06)); }
  integer(): Bytes { return integer(this.next(0x02)); }
  small(): number { return small(this.integer()); }
  end(): void { if (this.#nodes.length) no(`${this.what}: something after the end`); }
}

export const seq = (b: Bytes, what: string): List => new List(expect(one(b), 0x30, what).body, what);

// integer checks that it is spelled in the fewest bytes and gives them.
export function integer(n: Node): Bytes {
  const b = n.body;
  if (!b.length || (b.length > 1 && ((b[0] === 0 && !(b[1]! & 0x80)) || (b[0] === 0xff && b[1]! & 0x80)))) no('an INTEGER is not in its shortest form');
  return b;
}

export function small(b: Bytes): number {
  if (b.length > 4 || b[0]! & 0x80) no('an INTEGER is out of range');
  return b.reduce((v, x) => v * 256 + x, 0);
}

// yes reads a BOOLEAN, which DER spells 0xff or 0x00.
export function yes(n: Node): boolean {
  if (n.tag !== 0x01 || n.body.length !== 1 || (n.body[0] !== 0xff && n.body[0] !== 0)) no('a BOOLEAN is not of its form');
  return n.body[0] === 0xff;
}

// oid writes an object identifier in dotted decimal.
function oid(n: Node): string {
  const parts: number[] = [];
  let v = 0;
  if (!n.body.length || n.body.at(-1)! & 0x80) no('an object identifier is cut off');
  for (const byte of n.body) {
    if (v === 0 && byte === 0x80) no('an object identifier is not in its shortest form');
    v = v * 128 + (byte & 0x7f);
    if (v > 2 ** 45) no('an object identifier is too large');
    if (byte & 0x80) continue;
    if (!parts.length) { const top = Math.min(2, Math.floor(v / 40)); parts.push(top, v - 40 * top); }
    else parts.push(v);
    v = 0;
  }
  return parts.join('.');
}

// Moment is a time with its fraction of a second, which JavaScript's own would round.
export type Moment = { ms: number; fraction: string };

export const later = (a: Moment, b: Moment): boolean => a.ms > b.ms || (a.ms === b.ms && a.fraction > b.fraction);

// moment reads UTCTime or GeneralizedTime as DER and RFC 5280 allow them; a fraction only where asked for.
export function moment(n: Node, fractions = false): Moment {
  const text = String.fromCharCode(...n.body);
  let m: RegExpExecArray | null = null;
  if (n.tag === 0x17 && !fractions) {
    m = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)()Z$/.exec(text);
    if (m) m[1] = String(Number(m[1]) + (Number(m[1]) >= 50 ? 1900 : 2000));
  } else if (n.tag === 0x18) {
    m = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,8}[1-9]))?Z$/.exec(text);
    if (m?.[7] && !fractions) m = null;
  }
  if (!m) return no('a time is not of its form');
  const iso = `${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}`;
  const ms = Date.parse(iso + 'Z');
  if (Number.isNaN(ms) || !new Date(ms).toISOString().startsWith(iso)) no('a time is not of its form');
  return { ms, fraction: m[7] ?? '' };
}

export const same = (a: Node, b: Node): boolean => equal(a.raw, b.raw);
