// Signed notes, verifier keys and checkpoints of C2SP (signed-note, tlog-cosignature, tlog-checkpoint).
import { equal, fromBase64, fromHex, hash, hex, utf8, type Bytes } from './bytes';
import type { Verify } from './ed25519';

export const plain = 0x01, cosignature = 0x04;

export type Key = { name: string; number: string; algorithm: number; public: Bytes; text: string };
export type Signature = { name: string; number: string; bytes: Bytes };
export type Note = { text: string; signatures: Signature[] };
export type Checkpoint = { origin: string; size: number; root: Bytes };

// validName: 1 to 255 bytes of UTF-8, no space of any sort, no control character, no plus.
export const validName = (name: string): boolean => name !== '' && utf8(name).length <= 255 && !/[\p{White_Space}\u0000-\u001f+]/u.test(name);

// decimal reads decimal text without leading zeros below 2^53; -1 if it is none.
export function decimal(text: string): number {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return -1;
  const n = Number(text);
  return Number.isSafeInteger(n) ? n : -1;
}

// The y of points of small order, sign bit cleared. Under such a key anybody can sign anything, and verifiers differ in what they make of it.
const smallOrder = ['00'.repeat(32), '01' + '00'.repeat(31), '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ec' + 'ff'.repeat(30) + '7f'].map((h) => fromHex(h, 32)!);

// usable refuses points of small order and a y that is not below 2^255-19. That the bytes are a point shows when a signature is checked.
function usable(key: Bytes): boolean {
  const y = key.slice();
  y[31]! &= 0x7f;
  if (smallOrder.some((s) => equal(s, y))) return false;
  return !(y[31] === 0x7f && y[0]! >= 0xed && y.subarray(1, 31).every((v) => v === 0xff));
}

// readKey reads a verifier key; null if it is none, its key number does not follow from it, or nobody should use it.
export function readKey(text: string): Key | null {
  const m = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/su.exec(text);
  const body = m && fromBase64(m[3]!);
  if (!m || !body || body.length !== 33 || !validName(m[1]!)) return null;
  const number = hex(hash(utf8(m[1]!), Uint8Array.of(0x0a), body).subarray(0, 4));
  if (number !== m[2] || !usable(body.slice(1))) return null;
  return { name: m[1]!, number, algorithm: body[0]!, public: body.slice(1), text };
}

// readNote reads a signed note; null if it is not spelled as one.
export function readNote(raw: string): Note | null {
  const cut = raw.lastIndexOf('\n\n');
  if (cut < 0 || !raw.endsWith('\n') || /[\u0000-\u0009\u000b-\u001f]/.test(raw)) return null;
  const lines = raw.slice(cut + 2, -1).split('\n');
  const signatures: Signature[] = [];
  for (const line of lines) {
    const m = /^\u2014 ([^ ]+) ([A-Za-z0-9+/=]+)$/u.exec(line);
    const body = m && fromBase64(m[2]!);
    if (!m || !body || body.length < 5 || !validName(m[1]!)) return null;
    signatures.push({ name: m[1]!, number: hex(body.subarray(0, 4)), bytes: body.slice(4) });
  }
  return { text: raw.slice(0, cut + 1), signatures };
}

export const by = (s: Signature, k: Key): boolean => s.name === k.name && s.number === k.number;

// signed says whether s is the signature of a plain key over text.
export async function signed(k: Key, s: Signature, text: string, ed25519: Verify): Promise<boolean> {
  return k.algorithm === plain && by(s, k) && s.bytes.length === 64 && await ed25519(k.public, s.bytes, utf8(text));
}

// cosigned gives the Unix time in seconds that a witness puts on text; -1 if the signature is not the witness's.
export async function cosigned(k: Key, s: Signature, text: string, ed25519: Verify): Promise<number> {
  if (k.algorithm !== cosignature || !by(s, k) || s.bytes.length !== 72) return -1;
  const t = new DataView(s.bytes.buffer, s.bytes.byteOffset, 8).getBigUint64(0);
  if (t < 1n || t > 253402300799n) return -1; // the end of the year 9999
  return await ed25519(k.public, s.bytes.slice(8), utf8(`cosignature/v1\ntime ${t}\n${text}`)) ? Number(t) : -1;
}

// readCheckpoint reads the three lines of a checkpoint; null if they are not.
export function readCheckpoint(text: string): Checkpoint | null {
  const lines = text.split('\n');
  if (lines.length !== 4 || lines[3] !== '' || !validName(lines[0]!)) return null;
  const size = decimal(lines[1]!), root = fromBase64(lines[2]!);
  return size < 1 || !root || root.length !== 32 ? null : { origin: lines[0]!, size, root };
}

// fingerprint is what people read to each other: the hash of the verifier key's text, in groups of four.
export const fingerprint = (k: Key): string => (hex(hash(utf8(k.text))).match(/.{4}/g) ?? []).join(' ');

