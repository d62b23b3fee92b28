// OpenTimestamps proofs, version 1: a path of operations from a digest to what a Bitcoin block, or a calendar, attests.
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, equal, fromHex, hex, type Bytes } from './bytes';

// Attested is what a proof comes to: the lowest of its blocks, or only the word of a calendar. Root is written as Bitcoin programs print it.
export type Attested = { kind: 'bitcoin'; block: number; root: string } | { kind: 'calendar' };

export class Ots extends Error {}

const magic = fromHex('004f70656e54696d657374616d7073000050726f6f6600bf89e2e884e89294', 31)!;
const most = { proof: 65_536, message: 4096, payload: 8192, address: 1000, operations: 256, ends: 64 };

class Cursor {
  at = 0;
  constructor(readonly b: Bytes) {}
  get end(): boolean { return this.at === this.b.length; }
  take(n: number): Bytes {
    if (this.at + n > this.b.length) throw new Ots('the proof is cut off');
    this.at += n;
    return this.b.slice(this.at - n, this.at);
  }
  byte(): number { return this.take(1)[0]!; }
  // number reads LEB128 below 2^31 in its shortest spelling.
  number(): number {
    let out = 0;
    for (let place = 1; ; place *= 128) {
      const v = this.byte();
      out += (v & 0x7f) * place;
      if (out >= 2 ** 31) throw new Ots('a number is too large');
      if (v & 0x80) { if (place > 2 ** 28) throw new Ots('a number is too large'); continue; }
      if (v === 0 && place > 1) throw new Ots('a number has two spellings');
      return out;
    }
  }
  string(limit: number): Bytes {
    const n = this.number();
    if (n > limit) throw new Ots('a part is too long');
    return this.take(n);
  }
}

// checkOpenTimestamps follows the proof from a SHA-256 digest. Nothing is looked up: whether a block has that root is for somebody with
// block headers to say. SHA-1 and RIPEMD-160 are refused: whoever can make two messages with one digest could stamp one and show the other.
export function checkOpenTimestamps(proof: Bytes, digest: Bytes): Attested {
  if (proof.length > most.proof) throw new Ots('the proof is too long');
  const c = new Cursor(proof);
  if (!equal(c.take(magic.length), magic) || c.number() !== 1) throw new Ots('not an OpenTimestamps proof of version 1');
  if (c.byte() !== 0x08 || !equal(c.take(32), digest)) throw new Ots('the proof is over something else');

  let lowest: { block: number; root: string } | null = null;
  let pending = false, ends = 0;
  const attest = (message: Bytes): void => {
    if (++ends > most.ends) throw new Ots('the proof has too many ends');
    const kind = hex(c.take(8)), payload = new Cursor(c.string(most.payload));
    if (kind === '0588960d73d71901') {
      const block = payload.number();
      if (!payload.end || message.length !== 32) throw new Ots('an attestation of a block is not of its form');
      if (!lowest || block < lowest.block) lowest = { block, root: hex(message.slice().reverse()) };
    } else if (kind === '83dfe30d2ef90c8e') {
      const address = payload.string(most.address);
      if (!payload.end || !address.every((v) => /[A-Za-z0-9\-._/:]/.test(String.fromCharCode(v)))) throw new Ots('an attestation of a calendar is not of its form');
      pending = true;
    }
  };
  const stamp = (message: Bytes, operations: number): void => {
    for (;;) {
      let tag = c.byte();
      const more = tag === 0xff;
      if (more) tag = c.byte();
      if (tag === 0x00) attest(message);
      else {
        if (operations === most.operations) throw new Ots('the proof has too many operations in a row');
        let next: Bytes;
        if (tag === 0x08) next = sha256(message) as Bytes;
        else if (tag === 0xf0 || tag === 0xf1) {
          const part = c.string(most.message);
          if (!part.length || part.length + message.length > most.message) throw new Ots('a part is empty or too long');
          next = tag === 0xf0 ? concat(message, part) : concat(part, message);
        } else throw new Ots('an operation that is not allowed here');
        stamp(next, operations + 1);
      }
      if (!more) return;
    }
  };
  stamp(digest, 0);
  if (!c.end) throw new Ots('something after the end');
  if (lowest) return { kind: 'bitcoin', ...(lowest as { block: number; root: string }) };
  if (!pending) throw new Ots('the proof attests nothing');
  return { kind: 'calendar' };
}
