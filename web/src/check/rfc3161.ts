// Time-stamp tokens: RFC 3161 in CMS (RFC 5652), with signing certificates of RFC 2634 and RFC 5816 and chains of RFC 5280.
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { equal, fromBase64, type Bytes } from './bytes';
import { Der, expect, many, moment, oid, one, same, seq, set, small, type Node } from './der';

export type Token = { at: number; authority: string; checked: boolean };

const digests: Record<string, { name: string; of: (b: Uint8Array) => Uint8Array }> = {
  '2.16.840.1.101.3.4.2.1': { name: 'SHA-256', of: sha256 }, '2.16.840.1.101.3.4.2.2': { name: 'SHA-384', of: sha384 }, '2.16.840.1.101.3.4.2.3': { name: 'SHA-512', of: sha512 },
};
// Algorithms of signatures; an empty digest means that it stands elsewhere.
const algorithms: Record<string, { kind: 'rsa' | 'ecdsa'; hash: string }> = {
  '1.2.840.113549.1.1.1': { kind: 'rsa', hash: '' }, '1.2.840.113549.1.1.11': { kind: 'rsa', hash: 'SHA-256' }, '1.2.840.113549.1.1.12': { kind: 'rsa', hash: 'SHA-384' },
  '1.2.840.113549.1.1.13': { kind: 'rsa', hash: 'SHA-512' }, '1.2.840.10045.4.3.2': { kind: 'ecdsa', hash: 'SHA-256' }, '1.2.840.10045.4.3.3': { kind: 'ecdsa', hash: 'SHA-384' },
  '1.2.840.10045.4.3.4': { kind: 'ecdsa', hash: 'SHA-512' },
};
const curves: Record<string, { name: string; bytes: number }> = {
  '1.2.840.10045.3.1.7': { name: 'P-256', bytes: 32 }, '1.3.132.0.34': { name: 'P-384', bytes: 48 }, '1.3.132.0.35': { name: 'P-521', bytes: 66 },
};
const idSignedData = '1.2.840.113549.1.7.2', idTSTInfo = '1.2.840.113549.1.9.16.1.4', idContentType = '1.2.840.113549.1.9.3', idMessageDigest = '1.2.840.113549.1.9.4';
const idSigningCertificate = '1.2.840.113549.1.9.16.2.12', idSigningCertificateV2 = '1.2.840.113549.1.9.16.2.47', idTimeStamping = '1.3.6.1.5.5.7.3.8';

// Unavailable: this browser cannot check signatures of authorities. It says nothing about the bundle.
export class Unavailable extends Error {}

type Certificate = {
  raw: Bytes; tbs: Node; serial: Node; issuer: Node; subject: Node; from: number; to: number; key: Node; algorithm: Node; signature: Bytes;
  extensions: Map<string, { critical: boolean; value: Bytes }>;
};

function bits(n: Node | undefined, what: string): Bytes {
  const b = expect(n, 0x03, what).body;
  if (b[0] !== 0) throw new Der(`${what} is not whole bytes`);
  return b.subarray(1);
}

export function certificate(raw: Bytes): Certificate {
  const [tbs, algorithm, signature, ...rest] = seq(one(raw), 'certificate');
  if (rest.length) throw new Der('certificate has something after its signature');
  const fields = seq(tbs, 'certificate body');
  if (fields[0]?.tag === 0xa0) fields.shift();
  const [serial, inner, issuer, validity, subject, key, ...more] = fields;
  if (!tbs || !algorithm || !inner || !same(algorithm, inner)) throw new Der('certificate names two algorithms');
  const [from, to] = seq(validity, 'validity');
  const extensions: Certificate['extensions'] = new Map();
  for (const m of more.filter((f) => f.tag === 0xa3)) {
    for (const e of seq(one(m.body), 'extensions')) {
      const parts = seq(e, 'extension');
      const id = oid(parts[0], 'extension');
      const critical = parts[1]?.tag === 0x01 && parts[1].body[0] === 0xff;
      if (extensions.has(id)) throw new Der('an extension stands twice');
      extensions.set(id, { critical, value: expect(parts.at(-1), 0x04, 'extension value').body });
    }
  }
  return {
    raw, tbs, serial: expect(serial, 0x02, 'serial number'), issuer: expect(issuer, 0x30, 'issuer'), subject: expect(subject, 0x30, 'subject'),
    from: moment(from, 'validity'), to: moment(to, 'validity'), key: expect(key, 0x30, 'public key'), algorithm, signature: bits(signature, 'signature'), extensions,
  };
}

// fromPem reads the certificates of a PEM file.
export function fromPem(text: string): Bytes[] {
  return [...text.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)].map((m) => {
    const der = fromBase64(m[1]!.replace(/\s/g, ''));
    if (!der) throw new Der('not PEM');
    certificate(der);
    return der;
  });
}

// flat turns the DER form of an ECDSA signature into the one that WebCrypto takes.
function flat(signature: Bytes, bytes: number): Bytes {
  const out = new Uint8Array(2 * bytes);
  const parts = seq(one(signature), 'ECDSA signature');
  if (parts.length !== 2) throw new Der('ECDSA signature');
  parts.forEach((p, i) => {
    let v = expect(p, 0x02, 'ECDSA number').body;
    if (!v.length || v[0]! & 0x80) throw new Der('ECDSA number is negative');
    if (v[0] === 0) v = v.subarray(1);
    if (v.length > bytes || v[0] === 0) throw new Der('ECDSA number is out of range');
    out.set(v, (i + 1) * bytes - v.length);
  });
  return out;
}

async function verify(key: Node, algorithm: Node, fallback: string, signature: Bytes, message: Bytes): Promise<boolean> {
  const known = algorithms[oid(seq(algorithm, 'algorithm')[0], 'algorithm')];
  if (!known) throw new Der('a signature algorithm that is not known here');
  const hash = known.hash || fallback;
  if (!globalThis.crypto?.subtle) throw new Unavailable('no cryptography in this browser');
  const [kind, parameters] = seq(seq(key, 'public key')[0], 'key algorithm');
  const kindId = oid(kind, 'key algorithm');
  try {
    if (known.kind === 'rsa' && kindId === '1.2.840.113549.1.1.1') {
      const k = await crypto.subtle.importKey('spki', key.raw, { name: 'RSASSA-PKCS1-v1_5', hash }, false, ['verify']);
      return await crypto.subtle.verify('RSASSA-PKCS1-v1_5', k, signature, message);
    }
    const curve = curves[oid(parameters, 'curve')];
    if (known.kind === 'ecdsa' && kindId === '1.2.840.10045.2.1' && curve) {
      const k = await crypto.subtle.importKey('spki', key.raw, { name: 'ECDSA', namedCurve: curve.name }, false, ['verify']);
      return await crypto.subtle.verify({ name: 'ECDSA', hash }, k, flat(signature, curve.bytes), message);
    }
  } catch (e) {
    if (e instanceof Der) throw e;
    throw new Der('a key that cannot be used');
  }
  throw new Der('key and signature algorithm do not belong together');
}

// name gives the common name, or the organisation, for people to read.
function name(subject: Node): string {
  const found = new Map<string, string>();
  for (const part of many(subject.body)) for (const pair of set(part, 'name')) {
    const [id, text] = seq(pair, 'name');
    if (text) found.set(oid(id, 'name'), new TextDecoder(text.tag === 0x1e ? 'utf-16be' : 'utf-8').decode(text.body));
  }
  return (found.get('2.5.4.3') ?? found.get('2.5.4.10') ?? '').replace(/\p{C}/gu, ' ').slice(0, 120);
}

// mayIssue: a certificate below which others stand says so (RFC 5280, basic constraints and key usage), with a path that is long enough.
function mayIssue(c: Certificate, below: number): boolean {
  const basic = c.extensions.get('2.5.29.19');
  const parts = basic ? seq(one(basic.value), 'basic constraints') : [];
  if (parts[0]?.tag !== 0x01 || parts[0].body[0] !== 0xff) return false;
  if (parts[1] && small(parts[1], 'path length') < below) return false;
  const usage = c.extensions.get('2.5.29.15');
  return !usage || (((expect(one(usage.value), 0x03, 'key usage').body[1] ?? 0) & 0x04) !== 0);
}

const understood = new Set(['2.5.29.15', '2.5.29.19', '2.5.29.37', '2.5.29.14', '2.5.29.35', '2.5.29.32', '2.5.29.31', '1.3.6.1.5.5.7.1.1', '2.5.29.17']);

// checkToken verifies a TimeStampToken over a SHA-256 imprint. Without roots the authority is named but counts as not checked.
export async function checkToken(der: Bytes, imprint: Bytes, roots: Bytes[]): Promise<Token> {
  const outer = seq(one(der), 'token');
  if (outer.length !== 2 || oid(outer[0], 'token') !== idSignedData) throw new Der('token is not signed data');
  const signed = seq(one(expect(outer[1], 0xa0, 'signed data').body), 'signed data');
  const [version, , content, ...tail] = signed;
  small(version, 'version');
  const parts = seq(content, 'signed content');
  if (parts.length !== 2 || oid(parts[0], 'signed content') !== idTSTInfo) throw new Der('token holds no time-stamp');
  const info = expect(one(expect(parts[1], 0xa0, 'time-stamp').body), 0x04, 'time-stamp').body;
  const included = tail.filter((n) => n.tag === 0xa0).flatMap((n) => many(n.body)).filter((n) => n.tag === 0x30).map((n) => certificate(n.raw));
  const signers = set(tail.at(-1), 'signers');
  if (signers.length !== 1) throw new Der('token has not exactly one signer');

  const [infoVersion, , mark, serial, time] = seq(one(info), 'time-stamp');
  if (small(infoVersion, 'version') !== 1) throw new Der('time-stamp has another version');
  const [markAlgorithm, markDigest] = seq(mark, 'imprint');
  if (oid(seq(markAlgorithm, 'imprint')[0], 'imprint') !== '2.16.840.1.101.3.4.2.1' || !equal(expect(markDigest, 0x04, 'imprint').body, imprint)) throw new Der('token is over something else');
  expect(serial, 0x02, 'serial number');
  const at = moment(expect(time, 0x18, 'time'), 'time');

  const [signerVersion, who, digestAlgorithm, attributes, signatureAlgorithm, signature] = seq(signers[0], 'signer');
  small(signerVersion, 'version');
  const digest = digests[oid(seq(digestAlgorithm, 'digest')[0], 'digest')];
  if (!digest) throw new Der('a digest that is not known here');
  expect(attributes, 0xa0, 'signed attributes');
  const by = new Map<string, Node[]>();
  for (const a of many(attributes!.body)) {
    const [id, values] = seq(a, 'attribute');
    const key = oid(id, 'attribute');
    if (by.has(key)) throw new Der('an attribute stands twice');
    by.set(key, set(values, 'attribute'));
  }
  const single = (id: string, what: string): Node => {
    const v = by.get(id);
    if (!v || v.length !== 1) throw new Der(`${what} is missing`);
    return v[0]!;
  };
  if (oid(single(idContentType, 'content type'), 'content type') !== idTSTInfo) throw new Der('content type differs');
  if (!equal(expect(single(idMessageDigest, 'message digest'), 0x04, 'message digest').body, digest.of(info))) throw new Der('message digest differs');

  const signer = included.find((c) => {
    if (who?.tag === 0x30) { const [issuer, serial] = many(who.body); return !!issuer && !!serial && same(issuer, c.issuer) && same(serial, c.serial); }
    const id = c.extensions.get('2.5.29.14');
    return who?.tag === 0x80 && !!id && equal(expect(one(id.value), 0x04, 'key identifier').body, who.body);
  });
  if (!signer) throw new Der('certificate of the signer is missing');
  if (!named(by, signer)) throw new Der('signing certificate is another one');

  const message = attributes!.raw.slice();
  message[0] = 0x31;
  if (!await verify(signer.key, expect(signatureAlgorithm, 0x30, 'algorithm'), digest.name, expect(signature, 0x04, 'signature').body, message)) throw new Der('signature does not hold');

  const purpose = signer.extensions.get('2.5.29.37');
  const purposes = purpose ? seq(one(purpose.value), 'purpose').map((p) => oid(p, 'purpose')) : [];
  if (!purpose?.critical || purposes.length !== 1 || purposes[0] !== idTimeStamping) throw new Der('certificate is not for time-stamps alone');

  return { at, authority: name(signer.subject), checked: await chain(signer, included, roots.map(certificate), at) };
}

// named: the first certificate that the signed attributes name is the signer's.
function named(by: Map<string, Node[]>, signer: Certificate): boolean {
  let found = false;
  for (const [id, of] of [[idSigningCertificate, sha1], [idSigningCertificateV2, sha256]] as const) {
    const values = by.get(id);
    if (!values) continue;
    const first = seq(seq(seq(values[0], 'signing certificate')[0], 'signing certificate')[0], 'signing certificate');
    let digest: (b: Uint8Array) => Uint8Array = of;
    if (id === idSigningCertificateV2 && first[0]?.tag === 0x30) {
      const known = digests[oid(seq(first.shift(), 'digest')[0], 'digest')];
      if (!known) throw new Der('a digest that is not known here');
      digest = known.of;
    }
    if (!equal(expect(first[0], 0x04, 'certificate digest').body, digest(signer.raw))) return false;
    found = true;
  }
  return found;
}

// chain climbs from the signer. With roots it must end in one of them; without, it climbs as far as the token's certificates lead.
async function chain(signer: Certificate, included: Certificate[], roots: Certificate[], at: number): Promise<boolean> {
  let here = signer;
  for (let below = 0; ; below++) {
    if (at < here.from || at > here.to + 999) throw new Der('a certificate was not valid at that time');
    for (const [id, e] of here.extensions) if (e.critical && !understood.has(id)) throw new Der('a certificate asks for something that is not known here');
    if (roots.some((r) => equal(r.raw, here.raw))) return true;
    if (below > 8) throw new Der('a chain that is too long');
    let above: Certificate | null = null;
    if (!(same(here.issuer, here.subject) && here !== signer)) {
      for (const c of [...roots, ...included]) {
        if (equal(c.raw, here.raw) || !same(c.subject, here.issuer) || !mayIssue(c, below)) continue;
        if (await verify(c.key, here.algorithm, '', here.signature, here.tbs.raw).catch((e: unknown) => { if (e instanceof Unavailable) throw e; return false; })) { above = c; break; }
      }
    }
    if (!above) {
      if (roots.length) throw new Der('the authority does not stand below one of the roots given');
      return false;
    }
    here = above;
  }
}
