// Bytes and their spellings. Every reader here refuses a second spelling of the same bytes.
import { sha256 } from '@noble/hashes/sha2.js';

export type Bytes = Uint8Array<ArrayBuffer>;

const encoder = new TextEncoder();

export const utf8 = (text: string): Bytes => encoder.encode(text);

export function concat(...parts: Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const p of parts) { out.set(p, at); at += p.length; }
  return out;
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((v, i) => v === b[i]);
}

export const hex = (b: Uint8Array): string => Array.from(b, (v) => v.toString(16).padStart(2, '0')).join('');

// fromHex reads lower-case hexadecimal of exactly n bytes, or gives null.
export function fromHex(text: string, n: number): Bytes | null {
  if (text.length !== 2 * n || !/^[0-9a-f]*$/.test(text)) return null;
  return Uint8Array.from({ length: n }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const value = new Map([...digits].map((c, i) => [c.charCodeAt(0), i]));

// fromBase64 reads RFC 4648 section 4 with padding, or gives null. Loose bits at the end are refused.
export function fromBase64(text: string): Bytes | null {
  if (text.length % 4 !== 0) return null;
  const pad = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const out = new Uint8Array((text.length / 4) * 3 - pad);
  let at = 0;
  for (let i = 0; i < text.length; i += 4) {
    const last = i + 4 === text.length;
    let word = 0;
    for (let j = 0; j < 4; j++) {
      const v = last && j >= 4 - pad ? 0 : value.get(text.charCodeAt(i + j));
      if (v === undefined) return null;
      word = (word << 6) | v;
    }
    if (last && pad && word & (pad === 2 ? 0xffff : 0xff)) return null;
    for (let shift = 16; shift >= 0 && at < out.length; shift -= 8) out[at++] = (word >> shift) & 255;
  }
  return out;
}

export function toBase64(b: Uint8Array): string {
  let out = '';
  for (let i = 0; i < b.length; i += 3) {
    const word = (b[i]! << 16) | ((b[i + 1] ?? 0) << 8) | (b[i + 2] ?? 0);
    for (let j = 0; j < 4; j++) out += i + j > b.length ? '=' : digits[(word >> (18 - 6 * j)) & 63];
  }
  return out;
}

// u64 is eight bytes, most significant first, of a whole number below 2^53.
export function u64(n: number): Bytes {
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(n));
  return out;
}

export const hash = (...parts: Uint8Array[]): Bytes => sha256(parts.length === 1 ? parts[0]! : concat(...parts)) as Bytes;

// tagged is the hash of a domain tag, its zero byte and what follows.
export const tagged = (tag: string, ...parts: Uint8Array[]): Bytes => hash(utf8(tag + '\0'), ...parts);
