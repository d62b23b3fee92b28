// Time-stamp tokens: RFC 3161 in CMS (RFC 5652), as docs/design/proof-bundle.md, section "Time stamps", narrows them. The numbers in
// comments are those of its list. Signatures are checked by the browser (Web Cryptography).
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { equal, fromBase64, type Bytes } from './bytes';
import { Der, expect, integer, later, List, many, moment, one, same, seq, small, yes, type Moment, type Node } from './der';

export type Token = { at: number; authority: string; checked: boolean };

// Unavailable: this browser cannot check signatures of authorities. It says nothing about the bundle.
export class Unavailable extends Error {}

// Untrusted: what the caller gave and the token do not come together. Alone the token may hold.
export class Untrusted extends Der {}

const no = (what: string): never => { throw new Der(what); };
const need = (ok: unknown, what: string): void => { if (!ok) no(what); };

type Digest = { name: string; of: (b: Uint8Array) => Uint8Array };
const digests: Record<string, Digest> = {
  '2.16.840.1.101.3.4.2.1': { name: 'SHA-256', of: sha256 }, '2.16.840.1.101.3.4.2.2': { name: 'SHA-384', of: sha384 }, '2.16.840.1.101.3.4.2.3': { name: 'SHA-512', of: sha512 },
};
// Algorithms of signatures; an empty digest means that it stands elsewhere.
const algorithms: Record<string, { kind: 'rsa' | 'ecdsa'; digest: string }> = {
  '1.2.840.113549.1.1.1': { kind: 'rsa', digest: '' }, '1.2.840.113549.1.1.11': { kind: 'rsa', digest: 'SHA-256' }, '1.2.840.113549.1.1.12': { kind: 'rsa', digest: 'SHA-384' },
  '1.2.840.113549.1.1.13': { kind: 'rsa', digest: 'SHA-512' }, '1.2.840.10045.4.3.2': { kind: 'ecdsa', digest: 'SHA-256' }, '1.2.840.10045.4.3.3': { kind: 'ecdsa', digest: 'SHA-384' },
  '1.2.840.10045.4.3.4': { kind: 'ecdsa', digest: 'SHA-512' },
};
const curves: Record<string, { name: string; bytes: number }> = {
  '1.2.840.10045.3.1.7': { name: 'P-256', bytes: 32 }, '1.3.132.0.34': { name: 'P-384', bytes: 48 }, '1.3.132.0.35': { name: 'P-521', bytes: 66 },
};
const id = {
  signedData: '1.2.840.113549.1.7.2', tstInfo: '1.2.840.113549.1.9.16.1.4', contentType: '1.2.840.113549.1.9.3', messageDigest: '1.2.840.113549.1.9.4', signingCertificate: '1.2.840.113549.1.9.16.2.12',
  signingCertificateV2: '1.2.840.113549.1.9.16.2.47', timeStamping: '1.3.6.1.5.5.7.3.8', anyPurpose: '2.5.29.37.0', keyUsage: '2.5.29.15', altNames: '2.5.29.17', basic: '2.5.29.19',
  purposes: '2.5.29.37', commonName: '2.5.4.3',
};

// algorithm reads an AlgorithmIdentifier without parameters, or with NULL.
function algorithm(n: Node): string {
  const l = new List(expect(n, 0x30, 'algorithm').body, 'algorithm');
  const out = l.oid();
  const parameters = l.maybe(0x05);
  need(!parameters || parameters.body.length === 0, 'an algorithm has parameters');
  l.end();
  return out;
}

const digestOf = (n: Node): Digest => digests[algorithm(n)] ?? no('a digest that is not allowed here');

type Certificate = {
  raw: Bytes; tbs: Node; serial: Node; issuer: Node; subject: Node; from: Moment; to: Moment; key: Node; algorithm: Node; signature: Bytes;
  extensions: Map<string, { critical: boolean; value: Bytes }>;
};

// certificate reads as much of RFC 5280 as the rules need.
export function certificate(raw: Bytes): Certificate {
  const outer = seq(raw, 'certificate');
  const tbs = outer.next(0x30), alg = outer.next(0x30), signature = outer.next(0x03);
  outer.end();
  need(signature.body[0] === 0, 'a signature is not of whole bytes');
  const l = new List(tbs.body, 'certificate');
  const version = l.maybe(0xa0);
  need(!version || small(integer(expect(one(version.body), 0x02, 'version'))) === 2, 'a certificate has another version');
  const serial = l.next(0x02);
  integer(serial);
  need(same(l.next(0x30), alg), 'a certificate names two algorithms');
  const issuer = l.next(0x30);
  const validity = l.seq();
  const from = moment(validity.any()), to = moment(validity.any());
  validity.end();
  const subject = l.next(0x30), key = l.next(0x30);
  l.maybe(0x81);
  l.maybe(0x82);
  const extensions: Certificate['extensions'] = new Map();
  const more = l.maybe(0xa3);
  l.end();
  if (more) {
    const list = seq(more.body, 'extensions');
    while (list.left) {
      const e = list.seq();
      const kind = e.oid();
      const flag = e.maybe(0x01);
      const value = e.next(0x04).body;
      e.end();
      need(!extensions.has(kind), 'an extension stands twice');
      extensions.set(kind, { critical: !!flag && yes(flag), value });
    }
  }
  return { raw, tbs, serial, issuer, subject, from, to, key, algorithm: alg, signature: signature.body.subarray(1), extensions };
}

// fromPem reads the certificates of a PEM file, at least one.
export function fromPem(text: string): Bytes[] {
  const out = [...text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)].map((m) => {
    const der = fromBase64(m[1]!.replace(/\s/g, ''));
    try { if (der) { certificate(der); return der; } } catch { /* the same answer */ }
    throw new Untrusted('a root certificate that was given is not PEM');
  });
  if (!out.length) throw new Untrusted('there is no root certificate in what was given');
  return out;
}

// flat turns the DER form of an ECDSA signature into the one that WebCrypto takes.
function flat(signature: Bytes, bytes: number): Bytes {
  const out = new Uint8Array(2 * bytes);
  const l = seq(signature, 'ECDSA signature');
  for (let i = 0; i < 2; i++) {
    let v = l.integer();
    need(!(v[0]! & 0x80), 'an ECDSA number is negative');
    if (v[0] === 0) v = v.subarray(1);
    need(v.length && v.length <= bytes, 'an ECDSA number is out of range');
    out.set(v, (i + 1) * bytes - v.length);
  }
  l.end();
  return out;
}

// verifySignature checks a signature by a public key (5); digest is the one named beside, which has to be that of the algorithm if it names one.
export async function verifySignature(key: Node, name: string, digest: string, signature: Bytes, message: Bytes): Promise<boolean> {
  const known = algorithms[name] ?? no('a signature algorithm that is not allowed here');
  if (known.digest && digest && known.digest !== digest) no('two digests are named');
  const hash = known.digest || digest || no('no digest is named');
  const l = new List(key.body, 'public key');
  const kind = l.seq();
  const bits = l.next(0x03);
  l.end();
  const kindName = kind.oid();
  if (!globalThis.crypto?.subtle) throw new Unavailable('no cryptography in this browser');
  if (known.kind === 'rsa') {
    need(kindName === '1.2.840.113549.1.1.1', 'key and algorithm do not belong together');
    const parts = seq(bits.body.subarray(1), 'RSA key');
    let modulus = parts.integer();
    if (modulus[0] === 0) modulus = modulus.subarray(1);
    const length = modulus.length * 8 - Math.clz32(modulus[0] ?? 0) + 24;
    need(length >= 2048 && length <= 8192, 'an RSA key is too short or too long');
    const k = await crypto.subtle.importKey('spki', key.raw, { name: 'RSASSA-PKCS1-v1_5', hash }, false, ['verify']).catch(() => no('a key that cannot be used'));
    return crypto.subtle.verify('RSASSA-PKCS1-v1_5', k, signature, message).catch(() => false);
  }
  const curve = kindName === '1.2.840.10045.2.1' ? curves[kind.oid()] : undefined;
  if (!curve) return no('key and algorithm do not belong together');
  const k = await crypto.subtle.importKey('spki', key.raw, { name: 'ECDSA', namedCurve: curve.name }, false, ['verify']).catch(() => no('a key that cannot be used'));
  return crypto.subtle.verify({ name: 'ECDSA', hash }, k, flat(signature, curve.bytes), message).catch(() => false);
}

// commonName is for people to read.
function commonName(subject: Node): string {
  for (const part of many(subject.body)) for (const pair of many(expect(part, 0x31, 'name').body)) {
    const l = new List(expect(pair, 0x30, 'name').body, 'name');
    if (l.oid() === id.commonName) {
      const text = l.any();
      return new TextDecoder(text.tag === 0x1e ? 'utf-16be' : 'utf-8').decode(text.body).replace(/\p{C}/gu, ' ').slice(0, 120);
    }
  }
  return '';
}

// usage gives the bits of a key usage, the first one highest; null if there is none.
function usage(c: Certificate): number | null {
  const e = c.extensions.get(id.keyUsage);
  if (!e) return null;
  const b = expect(one(e.value), 0x03, 'key usage').body;
  need(b.length >= 2 && b.length <= 3 && b[0]! < 8, 'a key usage is not of its form');
  return (b[1]! << 8) | (b[2] ?? 0);
}

function purposes(c: Certificate): string[] | null {
  const e = c.extensions.get(id.purposes);
  if (!e) return null;
  const out: string[] = [];
  for (const l = seq(e.value, 'purposes'); l.left;) out.push(l.oid());
  return out;
}

const valid = (c: Certificate, at: Moment) => !later(c.from, at) && !later(at, c.to);

type Info = { at: Moment; tsa: Bytes | null };

// readInfo reads TSTInfo (2).
export function readInfo(raw: Bytes, imprint: Bytes): Info {
  const l = seq(raw, 'time-stamp');
  need(l.small() === 1, 'the time-stamp has another version');
  l.oid();
  const mark = l.seq();
  need(algorithm(mark.next(0x30)) === '2.16.840.1.101.3.4.2.1' && equal(mark.next(0x04).body, imprint), 'the token is over something else');
  mark.end();
  l.integer();
  const at = moment(l.next(0x18), true);
  need(at.ms >= Date.UTC(2000, 0, 1), 'the time is before the year 2000');
  const accuracy = l.maybe(0x30);
  if (accuracy) {
    const a = new List(accuracy.body, 'accuracy');
    const seconds = a.maybe(0x02), millis = a.maybe(0x80), micros = a.maybe(0x81);
    a.end();
    const part = (n: Node | null, least: number) => { const v = n ? small(integer(n)) : -1; need(!n || (v >= least && (least === 0 || v <= 999)), 'accuracy is out of range'); return Math.max(v, 0); };
    need(part(seconds, 0) + part(millis, 1) / 1e3 + part(micros, 1) / 1e6 < 60, 'the authority is not sure of the minute');
  }
  const ordering = l.maybe(0x01);
  need(!ordering || yes(ordering), 'a default is spelled out');
  const nonce = l.maybe(0x02);
  if (nonce) integer(nonce);
  const tsa = l.maybe(0xa0);
  const extensions = l.maybe(0xa1);
  l.end();
  for (const e of extensions ? many(extensions.body) : []) {
    const x = new List(expect(e, 0x30, 'extension').body, 'extension');
    x.oid();
    const flag = x.maybe(0x01);
    need(!flag || !yes(flag), 'the time-stamp has a critical extension');
    x.next(0x04);
    x.end();
  }
  return { at, tsa: tsa && tsa.body };
}

// CertificateId is one entry of a signing-certificate attribute.
type CertificateId = { digest: Bytes; of: (b: Uint8Array) => Uint8Array; issuer: Node | null; serial: Node | null };

const names = (i: CertificateId, c: Certificate): boolean => equal(i.of(c.raw) as Bytes, i.digest) && (!i.issuer || same(i.issuer, c.issuer)) && (!i.serial || same(i.serial, c.serial));

function readIds(value: Node, v2: boolean): CertificateId[] {
  const what = 'signing certificate';
  const outer = new List(expect(value, 0x30, what).body, what);
  const entries = outer.seq();
  const policies = outer.maybe(0x30);
  if (policies) many(policies.body);
  outer.end();
  const out: CertificateId[] = [];
  while (entries.left) {
    const e = entries.seq();
    const named = v2 ? e.maybe(0x30) : null;
    const of = v2 ? (named ? digestOf(named).of : sha256) : sha1;
    const digest = e.next(0x04).body;
    const i: CertificateId = { digest, of, issuer: null, serial: null };
    const where = e.maybe(0x30);
    if (where) {
      const l = new List(where.body, what);
      const general = l.seq();
      i.issuer = expect(one(general.next(0xa4).body), 0x30, 'name');
      general.end();
      i.serial = l.next(0x02);
      l.end();
    }
    e.end();
    out.push(i);
  }
  return out.length ? out : no('a signing certificate attribute is empty');
}

// checkToken verifies a TimeStampToken over a SHA-256 imprint. Without roots the authority is named but counts as not checked.
export async function checkToken(der: Bytes, imprint: Bytes, roots: Bytes[]): Promise<Token> {
  need(der.length <= 65_536, 'the token is too long');
  // 1
  const outer = seq(der, 'token');
  need(outer.oid() === id.signedData, 'the token is not signed data');
  const signed = seq(outer.next(0xa0).body, 'signed data');
  outer.end();
  need(signed.small() === 3, 'signed data has another version');
  const named = signed.set();
  const algorithmNamed = algorithm(named.next(0x30));
  named.end();
  const content = signed.seq();
  need(content.oid() === id.tstInfo, 'the token holds no time-stamp');
  const info = expect(one(content.next(0xa0).body), 0x04, 'time-stamp').body;
  content.end();
  const certificates = many(signed.next(0xa0).body).map((n) => certificate(expect(n, 0x30, 'certificate').raw));
  need(certificates.length >= 1 && certificates.length <= 16, 'too few or too many certificates');
  signed.maybe(0xa1);
  const signers = signed.set();
  signed.end();
  const s = signers.seq();
  signers.end();
  const { at, tsa } = readInfo(info, imprint);
  // 3
  need(s.small() === 1, 'the signer has another version');
  const who = s.seq();
  const issuer = who.next(0x30), serial = who.next(0x02);
  who.end();
  const chosen = certificates.filter((c) => same(c.issuer, issuer) && same(c.serial, serial));
  need(chosen.length === 1, 'the certificate of the signer is missing or not the only one');
  const signer = chosen[0]!;
  const digestName = algorithm(s.next(0x30));
  const digest = digests[digestName] ?? no('a digest that is not allowed here');
  need(digestName === algorithmNamed, 'signed data names another digest than its signer');
  const attributes = s.next(0xa0);
  const signatureAlgorithm = algorithm(s.next(0x30));
  const signature = s.next(0x04).body;
  s.maybe(0xa1);
  s.end();
  // 4
  const by = new Map<string, Node>();
  const ids: CertificateId[] = [];
  const types = new Set<string>();
  for (const a of many(attributes.body)) {
    const l = new List(expect(a, 0x30, 'attribute').body, 'attribute');
    const kind = l.oid();
    const values = l.set();
    l.end();
    need(!types.has(kind), 'an attribute stands twice');
    types.add(kind);
    if (kind !== id.contentType && kind !== id.messageDigest && kind !== id.signingCertificate && kind !== id.signingCertificateV2) continue;
    by.set(kind, values.any());
    values.end();
  }
  const of = (kind: string) => by.get(kind) ?? no('a signed attribute is missing');
  need(new List(of(id.contentType).raw, 'content type').oid() === id.tstInfo, 'the content type is another one');
  need(equal(expect(of(id.messageDigest), 0x04, 'message digest').body, digest.of(info) as Bytes), 'the message digest is another one');
  for (const kind of [id.signingCertificate, id.signingCertificateV2]) {
    const value = by.get(kind);
    if (!value) continue;
    const entries = readIds(value, kind === id.signingCertificateV2);
    need(names(entries[0]!, signer), 'the signing certificate is another one');
    ids.push(...entries);
  }
  need(ids.length, 'the signing certificate is not named');
  // 5
  const message = attributes.raw.slice();
  message[0] = 0x31;
  need(await verifySignature(signer.key, signatureAlgorithm, digest.name, signature, message), 'the signature does not hold');
  // 6
  need(valid(signer, at), 'the certificate of the signer was not valid at that time');
  const purpose = purposes(signer);
  need(purpose && signer.extensions.get(id.purposes)!.critical && purpose.length === 1 && purpose[0] === id.timeStamping, 'the certificate is not for time-stamps alone');
  const use = usage(signer);
  need(use === null || (use !== 0 && (use & ~0xc000) === 0), 'the key may be used for something else');
  // 7
  if (tsa) {
    const alt = signer.extensions.get(id.altNames);
    const name = one(tsa);
    const isSubject = name.tag === 0xa4 && equal(name.body, signer.subject.raw);
    need(isSubject || (alt && many(expect(one(alt.value), 0x30, 'names').body).some((n) => same(n, name))), 'the time-stamp names another authority');
  }
  // 8
  if (roots.length) await climb(signer, certificates, roots.map(certificate), at, ids);
  return { at: at.ms + Number(at.fraction.padEnd(3, '0').slice(0, 3)), authority: commonName(signer.subject), checked: roots.length > 0 };
}

// mayIssue says whether a certificate may stand above others; below is how many of those are not the signer.
function mayIssue(c: Certificate, below: number): boolean {
  const e = c.extensions.get(id.basic);
  if (!e) return false;
  const l = seq(e.value, 'basic constraints');
  const ca = l.maybe(0x01), path = l.maybe(0x02);
  l.end();
  if (!ca || !yes(ca) || (path && small(integer(path)) < below)) return false;
  const use = usage(c), purpose = purposes(c);
  return (use === null || (use & 0x0400) !== 0) && (!purpose || purpose.includes(id.timeStamping) || purpose.includes(id.anyPurpose));
}

const understood = new Set([id.basic, id.keyUsage, id.purposes]);
const acceptable = (c: Certificate, at: Moment) => valid(c, at) && [...c.extensions].every(([kind, e]) => (!e.critical || understood.has(kind)) && kind !== '2.5.29.30');

// climb finds a chain from the signer to a root. Every certificate that the signed attributes name has to stand in it.
async function climb(signer: Certificate, certificates: Certificate[], roots: Certificate[], at: Moment, ids: CertificateId[]): Promise<void> {
  let tries = 0;
  const up = async (chain: Certificate[]): Promise<boolean> => {
    const here = chain.at(-1)!;
    if (!acceptable(here, at)) return false;
    if (roots.some((r) => equal(r.raw, here.raw))) return ids.every((i) => chain.some((c) => names(i, c)));
    if (chain.length > 16) return false;
    // A root may lie in the token as well: it is tried once.
    const above = [...roots, ...certificates.filter((c) => !roots.some((r) => equal(r.raw, c.raw)))];
    for (const c of above) {
      if (chain.some((x) => equal(x.raw, c.raw)) || !same(c.subject, here.issuer) || !mayIssue(c, chain.length - 1)) continue;
      if (++tries > 64) no('too many chains to try');
      // An algorithm or a key that is not known here is one that does not verify: another certificate may.
      const held = await verifySignature(c.key, algorithm(here.algorithm), '', here.signature, here.tbs.raw).catch((e: unknown) => { if (e instanceof Der) return false; throw e; });
      if (held && await up([...chain, c])) return true;
    }
    return false;
  };
  if (!await up([signer])) throw new Untrusted('the authority does not stand below one of the roots given');
}
