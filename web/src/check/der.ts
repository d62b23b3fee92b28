// A reader of DER (X.690 section 10): definite lengths in their shortest form, nothing after the end.
import { equal, type Bytes } from './bytes';

export class Der extends Error {}

export type Node = { tag: number; raw: Bytes; body: Bytes };

// read takes one value from the front.
function take(b: Bytes, at: number): { node: Node; next: number } {
  const tag = b[at], first = b[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw new Der('a value is cut off or has a long tag');
  let length = first, head = 2;
  if (first & 0x80) {
    const n = first & 0x7f;
    if (n === 0 || n > 3) throw new Der('a length is indefinite or too large');
    length = 0;
    for (let i = 0; i < n; i++) {
      const v = b[at + 2 + i];
      if (v === undefined || (i === 0 && v === 0)) throw new Der('a length is not in its shortest form');
      length = length * 256 + v;
    }
    if (length < 0x80) throw new Der('a length is not in its shortest form');
    head += n;
  }
  const next = at + head + length;
  if (next > b.length) throw new Der('a value is cut off');
  return { node: { tag, raw: b.subarray(at, next), body: b.subarray(at + head, next) }, next };
}

export function one(b: Bytes): Node {
  const { node, next } = take(b, 0);
  if (next !== b.length) throw new Der('something after the end');
  return node;
}

export function many(b: Bytes): Node[] {
  const out: Node[] = [];
  for (let at = 0; at < b.length;) { const r = take(b, at); out.push(r.node); at = r.next; }
  return out;
}

export function expect(n: Node | undefined, tag: number, what: string): Node {
  if (!n || n.tag !== tag) throw new Der(`${what} is missing`);
  return n;
}

export const seq = (n: Node | undefined, what: string): Node[] => many(expect(n, 0x30, what).body);
export const set = (n: Node | undefined, what: string): Node[] => many(expect(n, 0x31, what).body);

// oid writes an object identifier in dotted decimal.
export function oid(n: Node | undefined, what: string): string {
  const b = expect(n, 0x06, what).body;
  const parts: number[] = [];
  let v = 0;
  b.forEach((byte, i) => {
    if (v === 0 && byte === 0x80) throw new Der(`${what} is not canonical`);
    v = v * 128 + (byte & 0x7f);
    if (byte & 0x80) { if (i === b.length - 1 || v > 2 ** 40) throw new Der(`${what} is cut off`); return; }
    if (!parts.length) parts.push(Math.min(2, Math.floor(v / 40)), v - 40 * Math.min(2, Math.floor(v / 40)));
    else parts.push(v);
    v = 0;
  });
  if (!parts.length) throw new Der(`${what} is empty`);
  return parts.join('.');
}

// small reads a whole number up to 2^31.
export function small(n: Node | undefined, what: string): number {
  const b = expect(n, 0x02, what).body;
  if (!b.length || b.length > 4 || b[0]! & 0x80) throw new Der(`${what} is out of range`);
  return b.reduce((v, x) => v * 256 + x, 0);
}

// moment reads UTCTime or GeneralizedTime as DER allows them; milliseconds since 1970.
export function moment(n: Node | undefined, what: string): number {
  const text = n ? String.fromCharCode(...n.body) : '';
  let m: RegExpExecArray | null = null;
  if (n?.tag === 0x17) {
    m = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)()Z$/.exec(text);
    if (m) m[1] = String(Number(m[1]) + (Number(m[1]) >= 50 ? 1900 : 2000));
  } else if (n?.tag === 0x18) m = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d*[1-9])?Z$/.exec(text);
  if (!m) throw new Der(`${what} is not a time`);
  const iso = `${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}`;
  const at = Date.parse(iso + 'Z');
  if (Number.isNaN(at) || !new Date(at).toISOString().startsWith(iso)) throw new Der(`${what} is not a time`);
  return at + Math.floor(Number(m[7] || 0) * 1000);
}

export const same = (a: Node, b: Node): boolean => equal(a.raw, b.raw);
