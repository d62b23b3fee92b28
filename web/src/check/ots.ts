// OpenTimestamps proofs, version 1: a path of operations from a digest to what a Bitcoin block, or a calendar, attests.
import { ripemd160, sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concat, equal, fromHex, hex, utf8, type Bytes } from './bytes';

export type Attestation = { kind: 'bitcoin'; block: number; root: string } | { kind: 'calendar' } | { kind: 'unknown' };

export class Ots extends Error {}

const magic = fromHex('004f70656e54696d657374616d7073000050726f6f6600bf89e2e884e89294', 31)!;
const digestSizes: Record<number, number> = { 0x02: 20, 0x03: 20, 0x08: 32, 0x67: 32 };
const longest = 4096, deepest = 256, most = 4096;

// checkOpenTimestamps follows the proof from a SHA-256 digest and gives what is attested. Nothing here is looked up: whether a block
// has that root is for somebody with block headers to say.
export function checkOpenTimestamps(b: Bytes, digest: Bytes): Attestation[] {
  let at = 0;
  const byte = (): number => { const v = b[at++]; if (v === undefined) throw new Ots('the proof is cut off'); return v; };
  const take = (n: number): Bytes => { if (at + n > b.length) throw new Ots('the proof is cut off'); at += n; return b.slice(at - n, at); };
  const number = (): number => {
    let out = 0;
    for (let shift = 1; ; shift *= 128) {
      const v = byte();
      if (shift > 2 ** 35) throw new Ots('a number is too large');
      out += (v & 0x7f) * shift;
      if (!(v & 0x80)) {
        if (v === 0 && shift > 1) throw new Ots('a number has two spellings');
        return out;
      }
    }
  };
  const bytes = (limit: number): Bytes => { const n = number(); if (n > limit) throw new Ots('a part is too long'); return take(n); };

  if (!equal(take(magic.length), magic) || number() !== 1) throw new Ots('not an OpenTimestamps proof of version 1');
  if (byte() !== 0x08 || !equal(take(digestSizes[0x08]!), digest)) throw new Ots('the proof is over something else');

  const out: Attestation[] = [];
  let steps = 0;
  const operate = (op: number, m: Bytes): Bytes => {
    switch (op) {
      case 0x02: return sha1(m) as Bytes;
      case 0x03: return ripemd160(m) as Bytes;
      case 0x08: return sha256(m) as Bytes;
      case 0x67: return keccak_256(m) as Bytes;
      case 0xf0: case 0xf1: {
        const arg = bytes(longest);
        if (!arg.length || arg.length + m.length > longest) throw new Ots('a part is empty or too long');
        return op === 0xf0 ? concat(m, arg) : concat(arg, m);
      }
      case 0xf2: if (!m.length) throw new Ots('nothing to turn around'); return m.slice().reverse();
      case 0xf3: if (!m.length || m.length * 2 > longest) throw new Ots('a part is too long'); return utf8(hex(m));
      default: throw new Ots('an operation that is not known');
    }
  };
  const attest = (m: Bytes): void => {
    const tag = hex(take(8)), payload = bytes(8192);
    const inner = { at: 0, number: () => {
      let v = 0;
      for (let shift = 1; ; shift *= 128) {
        const x = payload[inner.at++];
        if (x === undefined || shift > 2 ** 35) throw new Ots('an attestation is cut off');
        v += (x & 0x7f) * shift;
        if (!(x & 0x80)) return v;
      }
    } };
    if (tag === '0588960d73d71901') {
      const block = inner.number();
      if (inner.at !== payload.length) throw new Ots('an attestation is too long');
      if (m.length !== 32) throw new Ots('what a block attests is not 32 bytes long');
      out.push({ kind: 'bitcoin', block, root: hex(m.slice().reverse()) });
    } else if (tag === '83dfe30d2ef90c8e') {
      const n = inner.number();
      if (n > 1000 || inner.at + n !== payload.length) throw new Ots('an attestation is too long');
      out.push({ kind: 'calendar' });
    } else out.push({ kind: 'unknown' });
  };
  const walk = (m: Bytes, depth: number): void => {
    if (depth > deepest) throw new Ots('the proof is nested too deep');
    for (;;) {
      if (++steps > most) throw new Ots('the proof is too long');
      let tag = byte();
      const more = tag === 0xff;
      if (more) tag = byte();
      if (tag === 0x00) attest(m);
      else walk(operate(tag, m), depth + 1);
      if (!more) return;
    }
  };
  walk(digest, 0);
  if (at !== b.length) throw new Ots('something after the end');
  return out;
}
