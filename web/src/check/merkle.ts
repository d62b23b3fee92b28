// Merkle trees: proofs of RFC 6962 section 2.1 and veiled trees. Indexes go up to 2^53, beyond the reach of JavaScript's bit operators.
import { equal, hash, type Bytes } from './bytes';

const zero = Uint8Array.of(0), one = Uint8Array.of(1);

export const leaf = (data: Uint8Array): Bytes => hash(zero, data);
export const node = (left: Uint8Array, right: Uint8Array): Bytes => hash(one, left, right);

const half = (n: number) => Math.floor(n / 2);
const odd = (n: number) => n % 2 === 1;

// hashes cuts a proof into its 32-byte hashes; null if something is left over.
export function hashes(proof: Bytes): Bytes[] | null {
  if (proof.length % 32) return null;
  return Array.from({ length: proof.length / 32 }, (_, i) => proof.subarray(32 * i, 32 * i + 32));
}

// included says whether the leaf hash is at index in the tree of that size and root (RFC 9162 section 2.1.3.2).
export function included(index: number, size: number, leafHash: Bytes, proof: Bytes[], root: Bytes): boolean {
  if (index >= size) return false;
  let fn = index, sn = size - 1, r = leafHash;
  for (const p of proof) {
    if (sn === 0) return false;
    if (odd(fn) || fn === sn) {
      r = node(p, r);
      while (!odd(fn) && fn !== 0) { fn = half(fn); sn = half(sn); }
    } else r = node(r, p);
    fn = half(fn);
    sn = half(sn);
  }
  return sn === 0 && equal(r, root);
}

// consistent says whether the tree of the first size is the beginning of the second one (RFC 9162 section 2.1.4.2).
export function consistent(first: number, second: number, firstRoot: Bytes, secondRoot: Bytes, proof: Bytes[]): boolean {
  if (first === 0) return second > 0 && proof.length === 0 && equal(firstRoot, hash(new Uint8Array(0)));
  if (first >= second || proof.length === 0) return false;
  let fn = first - 1, sn = second - 1;
  while (odd(fn)) { fn = half(fn); sn = half(sn); }
  // A first size that is a power of two is a subtree whole: its root opens the proof.
  const path = fn === 0 ? [firstRoot, ...proof] : proof;
  let fr = path[0]!, sr = fr;
  for (const c of path.slice(1)) {
    if (sn === 0) return false;
    if (odd(fn) || fn === sn) {
      fr = node(c, fr);
      sr = node(c, sr);
      while (!odd(fn) && fn !== 0) { fn = half(fn); sn = half(sn); }
    } else sr = node(sr, c);
    fn = half(fn);
    sn = half(sn);
  }
  return sn === 0 && equal(fr, firstRoot) && equal(sr, secondRoot);
}

// unveiled says whether a veiled tree of that depth and root holds the data at the places, which ascend.
export function unveiled(depth: number, places: number[], data: Bytes[], proof: Bytes[], root: Bytes): boolean {
  if (!places.length || places.length !== data.length || places.some((p, i) => p >= 2 ** depth || (i > 0 && places[i - 1]! >= p))) return false;
  let used = 0;
  // from and to bound the places that lie below this node.
  const fold = (level: number, start: number, from: number, to: number): Bytes | null => {
    if (from === to) return proof[used++] ?? null;
    if (level === 0) return leaf(data[from]!);
    const middle = start + 2 ** (level - 1);
    let cut = from;
    while (cut < to && places[cut]! < middle) cut++;
    const left = fold(level - 1, start, from, cut);
    const right = left && fold(level - 1, middle, cut, to);
    return left && right && node(left, right);
  };
  const top = fold(depth, 0, 0, places.length);
  return !!top && used === proof.length && equal(top, root);
}
