// Canonical JSON: RFC 8785 restricted to objects, arrays and strings. One content has one byte string, so whatever is not spelled
// in that one way is refused, and the digest of an object is the digest of the bytes it was read from.

export type Value = string | Value[] | Obj;

export class Spelling extends Error {}

// Obj is an object together with the bytes it was read from.
export class Obj {
  constructor(readonly fields: ReadonlyMap<string, Value>, readonly source: string, readonly from: number, readonly to: number) {}
  // text is the canonical spelling; encoded as UTF-8 these are the bytes that digests are made of.
  get text(): string { return this.source.slice(this.from, this.to); }
}

const escapes: Record<string, string> = { '"': '"', '\\': '\\', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const short = new Set([...'\b\f\n\r\t'].map((c) => c.charCodeAt(0)));

// before compares by the bytes of UTF-8, which is the order of code points.
export function before(a: string, b: string): boolean {
  const x = [...a], y = [...b];
  for (let i = 0; i < x.length && i < y.length; i++) {
    const d = x[i]!.codePointAt(0)! - y[i]!.codePointAt(0)!;
    if (d) return d < 0;
  }
  return x.length < y.length;
}

// parse reads the bytes of one object with nothing before or after it.
export function parse(bytes: Uint8Array, deepest = 16): Obj {
  const out = parseValue(bytes, deepest);
  if (!(out instanceof Obj)) throw new Spelling('not an object');
  return out;
}

// parseValue reads any one value.
export function parseValue(bytes: Uint8Array, deepest = 16): Value {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Spelling('not valid UTF-8');
  }
  let at = 0;
  const refuse = (what: string): never => { throw new Spelling(`${what} at character ${at}`); };

  function string(): string {
    at++;
    let out = '';
    let from = at;
    for (;;) {
      const c = text.charCodeAt(at);
      if (Number.isNaN(c)) refuse('a string is not closed');
      if (c < 0x20) refuse('a bare control character');
      if (c === 0x22) { out += text.slice(from, at++); return out; }
      if (c !== 0x5c) { at++; continue; }
      out += text.slice(from, at++);
      const e = text[at] ?? '';
      if (e in escapes) { out += escapes[e]; at++; }
      else {
        const code = /^u00([01][0-9a-f])/.exec(text.slice(at, at + 5));
        const n = code ? parseInt(code[1]!, 16) : -1;
        if (n < 0 || short.has(n)) refuse('an escape that is not canonical');
        out += String.fromCharCode(n);
        at += 5;
      }
      from = at;
    }
  }

  function any(depth: number): Value {
    if (depth > deepest) refuse('nested too deep');
    const c = text[at];
    if (c === '"') return string();
    if (c === '[') {
      const out: Value[] = [];
      at++;
      if (text[at] === ']') { at++; return out; }
      for (;;) {
        out.push(any(depth + 1));
        const d = text[at++];
        if (d === ']') return out;
        if (d !== ',') { at--; refuse('an array goes wrong'); }
      }
    }
    if (c !== '{') refuse('neither object nor array nor string');
    return object(depth);
  }

  function object(depth: number): Obj {
    const from = at++;
    const fields = new Map<string, Value>();
    if (text[at] === '}') { at++; return new Obj(fields, text, from, at); }
    let last: string | null = null;
    for (;;) {
      if (text[at] !== '"') refuse('a key is missing');
      const key = string();
      if (last !== null && !before(last, key)) refuse('keys out of order');
      last = key;
      if (text[at++] !== ':') { at--; refuse('no colon'); }
      fields.set(key, any(depth + 1));
      const d = text[at++];
      if (d === '}') return new Obj(fields, text, from, at);
      if (d !== ',') { at--; refuse('an object goes wrong'); }
    }
  }

  const out = any(1);
  if (at !== text.length) refuse('something after the end');
  return out;
}
