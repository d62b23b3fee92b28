// Ed25519 of RFC 8032: the browser's own where it has one that passes a known answer, else a library in the page.
import * as noble from '@noble/ed25519';
import { sha512 } from '@noble/hashes/sha2.js';
import { fromHex, type Bytes } from './bytes';

noble.hashes.sha512 = sha512;

export type Verify = (key: Bytes, signature: Bytes, message: Bytes) => Promise<boolean>;

// inPage is strict: points in their one spelling, S below the group order.
export const inPage: Verify = async (key, signature, message) => {
  try { return noble.verify(signature, message, key, { zip215: false }); } catch { return false; }
};

export const inBrowser: Verify = async (key, signature, message) => {
  try {
    const k = await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
    return await crypto.subtle.verify('Ed25519', k, signature, message);
  } catch { return false; }
};

// RFC 8032 section 7.1, test 2.
const key = fromHex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c', 32)!;
const good = fromHex('92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00', 64)!;

// choose gives the browser's verification if it accepts the known signature and refuses a changed one and a changed message.
export async function choose(): Promise<{ verify: Verify; native: boolean }> {
  const changed = good.slice();
  changed[5]! ^= 1;
  const message = Uint8Array.of(0x72);
  const native = !!globalThis.crypto?.subtle && await inBrowser(key, good, message)
    && !(await inBrowser(key, changed, message)) && !(await inBrowser(key, good, Uint8Array.of(0x73)));
  return { verify: native ? inBrowser : inPage, native };
}
