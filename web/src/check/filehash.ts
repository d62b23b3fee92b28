// The digest of a chosen file, made here. Small files go to the browser's own SHA-256 in one piece, which is several times faster; larger
// ones are read in slices, so that memory stays flat however long the recording is.
import { sha256 } from '@noble/hashes/sha2.js';
import { hex } from './bytes';

export const inOnePiece = 256 * 1024 * 1024;
const slice = 4 * 1024 * 1024;

export type Progress = { done: number; size: number; rate: number; left: number; elapsed: number };
export type Source = { size: number; slice(from: number, to: number): { arrayBuffer(): Promise<ArrayBuffer> }; arrayBuffer(): Promise<ArrayBuffer> };

// fileDigest gives size and SHA-256. It throws the signal's reason when it is called off, and whatever the browser throws when the file
// cannot be read to its end.
export async function fileDigest(file: Source, progress: (p: Progress) => void = () => {}, signal?: AbortSignal, limit = inOnePiece, now: () => number = () => performance.now()): Promise<{ size: number; sha256: string }> {
  if (file.size <= limit && globalThis.crypto?.subtle) {
    const whole = await file.arrayBuffer();
    signal?.throwIfAborted();
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', whole));
    signal?.throwIfAborted();
    return { size: whole.byteLength, sha256: hex(digest) };
  }
  const h = sha256.create();
  const start = now();
  let at = 0;
  while (at < file.size) {
    const part = new Uint8Array(await file.slice(at, at + slice).arrayBuffer());
    signal?.throwIfAborted();
    if (!part.length) throw new Error('the file ended early');
    h.update(part);
    at += part.length;
    const elapsed = (now() - start) / 1000;
    const rate = elapsed > 0 ? at / elapsed : 0;
    progress({ done: at, size: file.size, rate, left: rate > 0 ? (file.size - at) / rate : 0, elapsed });
  }
  return { size: at, sha256: hex(h.digest()) };
}
