// The check page's verifier against the vectors that every verifier has to pass (docs/design/proof-bundle.md, "Test vectors").
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromBase64, fromHex, hex, toBase64, utf8 } from '../src/check/bytes';
import { parseValue } from '../src/check/canonical';
import { choose, inBrowser, inPage } from '../src/check/ed25519';
import { fileDigest, type Progress } from '../src/check/filehash';
import { hashes, unveiled } from '../src/check/merkle';
import { checkOpenTimestamps } from '../src/check/ots';
import { one } from '../src/check/der';
import { certificate, checkToken, fromPem, readInfo, verifySignature } from '../src/check/rfc3161';
import { cosignature, cosigned, plain, readKey, readNote, signed } from '../src/check/note';
import { plainly } from '../src/check/plainly';
import { existed, readEvent, steps, verify, type Facts, type Mark, type Options } from '../src/check/verify';

type Vector = { file: string; options: { keys: string[]; witnesses: string[]; quorum: number; roots: string; file: string }; ok: boolean; failed: string; states: [string, string][]; why: string };

const at = (name: string) => new URL(`../../verify/testdata/${name}`, import.meta.url);
const json = <T>(name: string) => JSON.parse(readFileSync(at(name), 'utf8')) as T;
const vectors = json<Vector[]>('index.json');
const source = (b: Uint8Array<ArrayBuffer>) => new Blob([b]);

async function options(v: Vector): Promise<Options> {
  const o: Options = { keys: v.options.keys, witnesses: v.options.witnesses, quorum: v.options.quorum };
  if (v.options.roots) o.roots = readFileSync(at(v.options.roots), 'utf8');
  if (v.options.file) o.file = await fileDigest(source(readFileSync(at(v.options.file))));
  return o;
}

describe.each([['in the page', inPage], ['of the browser', inBrowser]] as const)('vectors, Ed25519 %s', (_, ed25519) => {
  it.each(vectors.map((v) => [v.file, v.failed || 'accepted', v.why, v] as const))('%s: %s: %s', async (file, __, ___, v) => {
    const r = await verify(readFileSync(at(file)), { ...(await options(v)), ed25519 });
    expect({ ok: r.ok, failed: r.failed, states: r.steps.map((s) => [s.name, s.state]) }, r.steps.at(-1)?.text).toEqual({ ok: v.ok, failed: v.failed, states: v.states });
  });
});

it('has a refusal for every step', () => {
  for (const s of steps) expect(vectors.some((v) => v.failed === s), s).toBe(true);
});

// Every byte of every accepted bundle is under the outer signature or is that signature: no change of any may pass.
describe('a changed byte', () => {
  const accepted = vectors.filter((v) => v.ok);
  it.each(accepted.map((v) => [v.file, v] as const))('%s', async (file, v) => {
    const raw = readFileSync(at(file)), o = await options(v);
    const stride = 1 + Math.floor(raw.length / 160);
    const change = async (i: number, to: number) => {
      const copy = raw.slice();
      copy[i] = to;
      const r = await verify(copy, o);
      expect(r.ok, `byte ${i} as ${to}`).toBe(false);
      expect(r.failed, `byte ${i} as ${to}`).not.toBe('');
    };
    for (let i = accepted.indexOf(v) % stride; i < raw.length; i += stride) {
      await change(i, raw[i]! ^ (1 << (i % 8)));
      // Another letter of the same kind, so that the spelling still holds and deeper checks have to see it.
      if (/[0-9a-eA-Y]/.test(String.fromCharCode(raw[i]!))) await change(i, raw[i]! === 0x39 ? 0x38 : raw[i]! + 1);
    }
    for (const cut of [0, 1, raw.length >> 1, raw.length - 1]) expect((await verify(raw.slice(0, cut), o)).failed).toBe('format');
    expect((await verify(new Uint8Array([...raw, 0x0a]), o)).failed).toBe('format');
  });
});

describe('canonical JSON', () => {
  it.each(json<{ base64: string; ok: boolean; why: string }[]>('canonical.json').map((c) => [c.why, c.ok, c.base64] as const))('%s: %s', (_, ok, base64) => {
    const read = () => parseValue(fromBase64(base64)!);
    if (ok) expect(read).not.toThrow();
    else expect(read).toThrow();
  });
});

describe('verifier keys and notes', () => {
  const all = json<{ keys: { vkey: string; witness: boolean; ok: boolean; why: string }[]; notes: { note: string; vkey: string; ok: boolean; why: string; witness?: boolean; time?: number }[] }>('notes.json');
  it.each(all.keys.map((k) => [k.why, k] as const))('%s', (_, k) => {
    expect(readKey(k.vkey)?.algorithm === (k.witness ? cosignature : plain)).toBe(k.ok);
  });
  it.each(all.notes.map((n) => [n.why, n] as const))('%s', async (_, n) => {
    for (const ed25519 of [inPage, inBrowser]) {
      const key = readKey(n.vkey), note = readNote(n.note), first = note?.signatures[0];
      const ok = !!key && !!note && !!first && (key.algorithm === plain ? await signed(key, first, note.text, ed25519) : (await cosigned(key, first, note.text, ed25519)) >= 0);
      expect(ok).toBe(n.ok);
    }
  });
});

it.each(json<{ depth: number; root: string; places: number[] | null; data: string[] | null; proof: string; ok: boolean; why: string }[]>('veiled.json').map((v) => [v.why, v] as const))('veiled proof: %s', (_, v) => {
  const list = hashes(fromBase64(v.proof)!);
  expect(!!list && unveiled(v.depth, v.places ?? [], (v.data ?? []).map((d) => fromHex(d, 32)!), list, fromHex(v.root, 32)!)).toBe(v.ok);
});

describe('spellings of bytes', () => {
  it('gives back what it wrote', () => {
    for (let n = 0; n < 70; n++) {
      const b = Uint8Array.from({ length: n }, (_, i) => (i * 37 + n * 11) & 255);
      expect(fromBase64(toBase64(b))).toEqual(b);
      expect(fromHex(hex(b), n)).toEqual(b);
    }
  });
  it.each(['A', 'AA', 'AAA', 'AA=A', 'AB==', 'AAB=', 'A===', '====', 'AA==AA==', 'AA-_', 'AAA\n', ' AAA', 'AAAA='])('refuses base64 %j', (t) => { expect(fromBase64(t)).toBeNull(); });
  it.each(['', 'a', 'A0', 'g0', '0a0b', ' a'])('refuses hexadecimal %j of one byte', (t) => { expect(fromHex(t, 1)).toBeNull(); });
});

describe('Ed25519', () => {
  it('takes the browser only if it passes the known answer', async () => {
    const subtle = crypto.subtle;
    expect((await choose()).native).toBe(true);
    const broken = (over: Partial<SubtleCrypto>) => Object.defineProperty(globalThis, 'crypto', { value: { subtle: Object.assign(Object.create(subtle) as SubtleCrypto, { importKey: subtle.importKey.bind(subtle) }, over) }, configurable: true });
    const old = Object.getOwnPropertyDescriptor(globalThis, 'crypto')!;
    try {
      broken({ verify: async () => true });
      expect((await choose()).native).toBe(false);
      broken({ importKey: (async () => { throw new Error('unknown'); }) as unknown as SubtleCrypto['importKey'] });
      expect((await choose()).native).toBe(false);
    } finally { Object.defineProperty(globalThis, 'crypto', old); }
  });
});

describe('digest of a file', () => {
  const bytes = Uint8Array.from({ length: 9_000_000 }, (_, i) => (i * 7 + (i >> 9)) & 255);
  it('is the same in one piece and in slices', async () => {
    const whole = await fileDigest(source(bytes));
    const seen: Progress[] = [];
    let clock = 0;
    const sliced = await fileDigest(source(bytes), (p) => seen.push(p), undefined, 0, () => (clock += 1000));
    expect(sliced).toEqual(whole);
    expect(seen.length).toBe(3);
    expect(seen.at(-1)).toMatchObject({ done: bytes.length, size: bytes.length, left: 0 });
    expect(seen[1]!.left).toBeGreaterThan(0);
  });
  it('is that of nothing for an empty file', async () => {
    for (const limit of [0, 1]) expect(await fileDigest(source(new Uint8Array(0)), undefined, undefined, limit)).toEqual({ size: 0, sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' });
  });
  it('refuses a file that shrinks while it is read, and stops when told to', async () => {
    const shrunk = { size: 10, arrayBuffer: async () => new ArrayBuffer(0), slice: () => ({ arrayBuffer: async () => new ArrayBuffer(0) }) };
    await expect(fileDigest(shrunk, undefined, undefined, 0)).rejects.toThrow();
    const stop = new AbortController();
    stop.abort();
    await expect(fileDigest(source(bytes), undefined, stop.signal, 0)).rejects.toThrow();
  });
});

it('says nothing rather than yes when the browser lacks what a token needs', async () => {
  const v = vectors.find((x) => x.ok && json<{ bundle: { checkpoints: { stamps: { kind: string }[] }[] } }>(x.file).bundle.checkpoints.some((c) => c.stamps.some((s) => s.kind === 'rfc3161')));
  if (!v) throw new Error('no vector has a token');
  const old = Object.getOwnPropertyDescriptor(globalThis, 'crypto')!;
  const o = await options(v);
  try {
    Object.defineProperty(globalThis, 'crypto', { value: {}, configurable: true });
    await expect(verify(readFileSync(at(v.file)), o)).rejects.toThrow('no cryptography');
  } finally { Object.defineProperty(globalThis, 'crypto', old); }
});

type Stamp = { file: string; kind: string; imprint: string; roots: string; ok: boolean; alone: boolean; time?: string; pending?: boolean; block?: number; root?: string; why?: string };

describe.each([[true], [false]])('time stamps, with roots %s', (withRoots) => {
  const all = json<Stamp[]>('time/index.json');
  it.each(all.map((s) => [s.file, s.why ?? 'accepted', s] as const))('%s: %s', async (file, _, s) => {
    const bytes = readFileSync(at(`time/${file}`)), imprint = fromHex(s.imprint, 32)!;
    if (s.kind === 'opentimestamps') {
      if (!s.ok) { expect(() => checkOpenTimestamps(bytes, imprint)).toThrow(); return; }
      const turned = s.root && hex(fromHex(s.root, 32)!.reverse());
      expect(checkOpenTimestamps(bytes, imprint)).toEqual(s.pending ? { kind: 'calendar' } : { kind: 'bitcoin', block: s.block ?? 0, root: turned });
      return;
    }
    const roots = withRoots && s.roots ? fromPem(readFileSync(at(`time/${s.roots}`), 'utf8')) : [];
    if (!(roots.length ? s.ok : s.alone)) { await expect(checkToken(bytes, imprint, roots)).rejects.toThrow(); return; }
    const t = await checkToken(bytes, imprint, roots);
    expect(t.checked).toBe(roots.length > 0);
    if (s.time) expect(t.at).toBe(Date.parse(s.time));
  });
});

// A share of the changes of each good stamp: none may pass with roots, or, where the byte is not read, say another thing.
describe('a changed byte of a time stamp', () => {
  it.each(json<Stamp[]>('time/index.json').filter((s) => s.ok && /^(good|openssl|block)/.test(s.file)).map((s) => [s.file, s] as const))('%s', async (file, s) => {
    const raw = readFileSync(at(`time/${file}`)), imprint = fromHex(s.imprint, 32)!;
    const read = async (b: Uint8Array<ArrayBuffer>) => {
      try { return s.kind === 'opentimestamps' ? checkOpenTimestamps(b, imprint) : await checkToken(b, imprint, fromPem(readFileSync(at(`time/${s.roots}`), 'utf8'))); } catch { return null; }
    };
    const right = await read(raw);
    expect(right).not.toBeNull();
    for (let i = 0; i < raw.length; i += 1 + Math.floor(raw.length / 60)) {
      const copy = raw.slice();
      copy[i]! ^= 1 << (i % 8);
      const r = await read(copy);
      if (r && s.kind === 'rfc3161') expect(r, `byte ${i}`).toEqual(right);
      else if (s.kind === 'opentimestamps') expect(r, `byte ${i}`).not.toEqual(right);
    }
  });
});

// Who may say since when something exists: docs/design/proof-bundle.md, the two paragraphs after "Checking".
describe('the date by which something existed', () => {
  const mark = (at: number, who: string, kind: Mark['kind'], checked: boolean, key = who): Mark => ({ at, who, key, kind, checked });
  const of = (quorum: number, ...checkpoints: Mark[][]) => ({ quorum, checkpoints: checkpoints.map((marks) => ({ size: 1, root: '', key: '', marks, attestations: [] })) }) as unknown as Facts;
  it.each([
    ['nobody', of(0, []), null],
    ['a witness only named in the file is not checked', of(0, [mark(5, 'a', 'witness', false)]), { at: 5, who: ['a'], checked: false }],
    ['an unchecked word never makes a checked one older', of(1, [mark(5, 'a', 'witness', false), mark(9, 'b', 'witness', true)]), { at: 9, who: ['b'], checked: true }],
    ['of two wanted the later counts', of(2, [mark(5, 'a', 'witness', true), mark(9, 'b', 'witness', true), mark(12, 'c', 'witness', true)]), { at: 9, who: ['a', 'b'], checked: true }],
    ['two names of one key are one, with its later time', of(1, [mark(5, 'a', 'witness', true, 'k'), mark(9, 'b', 'witness', true, 'k')]), { at: 9, who: ['b'], checked: true }],
    ['fewer than wanted say nothing', of(2, [mark(5, 'a', 'witness', true)]), null],
    ['an authority counts by itself', of(2, [mark(5, 'a', 'witness', true), mark(7, 'tsa', 'authority', true)]), { at: 7, who: ['tsa'], checked: true }],
    ['a later checkpoint contains the tick', of(1, [mark(9, 'a', 'witness', true)], [mark(7, 'a', 'witness', true)]), { at: 7, who: ['a'], checked: true }],
  ] as const)('%s', (_, facts, want) => { expect(existed(facts, 0)).toEqual(want); });
  it('takes nothing from a checkpoint before the tick', () => { expect(existed(of(1, [mark(1, 'a', 'witness', true)], []), 1)).toBeNull(); });
});

it('refuses every beginning of a proof or token', async () => {
  for (const s of json<Stamp[]>('time/index.json').filter((x) => x.ok && /^(good|block|pending|two-blocks)\.(ots|tst)$/.test(x.file))) {
    const raw = readFileSync(at(`time/${s.file}`)), imprint = fromHex(s.imprint, 32)!;
    for (let n = 0; n < raw.length; n += s.kind === 'rfc3161' ? 41 : 1) {
      if (s.kind === 'opentimestamps') expect(() => checkOpenTimestamps(raw.slice(0, n), imprint), `${s.file} ${n}`).toThrow(/cut off|not an OpenTimestamps/);
      else await expect(checkToken(raw.slice(0, n), imprint, []), `${s.file} ${n}`).rejects.toThrow();
    }
  }
});

// Rules for which a whole token is hard to make: the pieces are made here.
describe('pieces of a time stamp', () => {
  const der = (tag: number, ...parts: (Uint8Array | number[])[]): Uint8Array<ArrayBuffer> => {
    const body = parts.flatMap((p) => [...p]);
    const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
    return Uint8Array.from([tag, ...length, ...body]);
  };
  const sha256 = der(0x30, [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01]);
  const imprint = new Uint8Array(32).fill(7);
  const info = (time: string, algorithm = sha256, ...more: Uint8Array[]) => der(0x30, [2, 1, 1], [6, 1, 42], der(0x30, algorithm, der(4, imprint)), [2, 1, 5], der(0x18, utf8(time)), ...more);

  it.each(['20260115120000Z', '20000101000000Z', '20260115120000.123456789Z'])('reads the time %s', (t) => { expect(readInfo(info(t), imprint).at.ms).toBe(Date.parse(t.replace(/^(....)(..)(..)(..)(..)(..).*$/, '$1-$2-$3T$4:$5:$6Z'))); });
  it.each(['19991231235959Z', '20260115120000', '20260115120000.Z', '20260115120000.10Z', '20260115120000+0000', '20260230120000Z', '20260115240000Z', '20260115120000.1234567891Z', '202601151200Z'])('refuses the time %s', (t) => { expect(() => readInfo(info(t), imprint)).toThrow(); });
  it('refuses parameters of a digest that are not NULL', () => {
    const id = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    expect(() => readInfo(info('20260115120000Z', der(0x30, id, [5, 0])), imprint)).not.toThrow();
    for (const p of [[5, 1, 0], [2, 1, 0], [5, 0, 5, 0]]) expect(() => readInfo(info('20260115120000Z', der(0x30, id, p)), imprint)).toThrow();
  });
  it.each([[[0x30, 3, 2, 1, 59], true], [[0x30, 3, 2, 1, 60], false], [[0x30, 3, 2, 1, 0xff], false], [[0x30, 3, 0x80, 1, 0], false], [[0x30, 4, 0x80, 2, 3, 0xe7], true], [[0x30, 4, 0x80, 2, 3, 0xe8], false], [[1, 1, 0xff], true], [[1, 1, 0], false], [[1, 1, 1], false]] as const)(
    'accuracy or ordering %j: %s', (bytes, ok) => {
      const read = () => readInfo(info('20260115120000Z', sha256, Uint8Array.from(bytes)), imprint);
      if (ok) expect(read).not.toThrow();
      else expect(read).toThrow();
    });
  it('refuses a token that is too long before it reads it', async () => { await expect(checkToken(new Uint8Array(65_537), imprint, [])).rejects.toThrow('too long'); });

  it('takes RSA from 2048 bits, with one digest', async () => {
    const message = utf8('x');
    for (const [bits, ok] of [[1024, false], [2048, true]] as const) {
      const pair = await crypto.subtle.generateKey({ name: 'RSASSA-PKCS1-v1_5', modulusLength: bits, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' }, true, ['sign', 'verify']);
      const key = one(new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey)));
      const signature = new Uint8Array(await crypto.subtle.sign('RSASSA-PKCS1-v1_5', pair.privateKey, message));
      const check = (name: string, digest: string) => verifySignature(key, name, digest, signature, message);
      if (!ok) { await expect(check('1.2.840.113549.1.1.11', 'SHA-256')).rejects.toThrow('too short'); continue; }
      expect(await check('1.2.840.113549.1.1.11', 'SHA-256')).toBe(true);
      expect(await check('1.2.840.113549.1.1.1', 'SHA-256')).toBe(true);
      expect(await check('1.2.840.113549.1.1.1', 'SHA-512')).toBe(false);
      await expect(check('1.2.840.113549.1.1.11', 'SHA-512')).rejects.toThrow('two digests');
      for (const name of ['1.2.840.113549.1.1.5', '1.2.840.113549.1.1.10', '1.2.840.10045.4.3.2']) await expect(check(name, 'SHA-256')).rejects.toThrow();
    }
  });
  it('takes ECDSA in its one spelling', async () => {
    const message = utf8('x');
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    const key = one(new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey)));
    const raw = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, message));
    const number = (b: Uint8Array) => { let v = [...b]; while (v.length > 1 && v[0] === 0) v = v.slice(1); return der(2, v[0]! & 0x80 ? [0, ...v] : v); };
    const r = number(raw.subarray(0, 32)), s = number(raw.subarray(32));
    const check = (signature: Uint8Array<ArrayBuffer>) => verifySignature(key, '1.2.840.10045.4.3.2', 'SHA-256', signature, message);
    expect(await check(der(0x30, r, s))).toBe(true);
    expect(await check(der(0x30, s, r))).toBe(false);
    const negative = der(2, [0xff, ...raw.subarray(0, 31)].map((v, i) => (i === 1 ? v & 0x7f : v)));
    const wide = der(2, [1, ...raw.subarray(0, 32)]);
    for (const bad of [der(0x30, negative, s), der(0x30, wide, s), der(0x30, r), der(0x30, r, s, s), der(0x30, der(2, [0, 0, ...raw.subarray(0, 32)]), s), der(0x31, r, s), Uint8Array.from([...der(0x30, r, s), 0])]) await expect(check(bad)).rejects.toThrow();
  });
  it('reads certificates of version 3 only, with each extension once', () => {
    const root = fromPem(readFileSync(at('time/root.pem'), 'utf8'))[0]!;
    const patched = (find: number[], to: number[]) => {
      const i = root.findIndex((_, k) => find.every((v, j) => root[k + j] === v));
      expect(i).toBeGreaterThan(0);
      const copy = root.slice();
      copy.set(to, i);
      return copy;
    };
    expect(() => certificate(root)).not.toThrow();
    expect(() => certificate(patched([0xa0, 3, 2, 1, 2], [0xa0, 3, 2, 1, 1]))).toThrow('version');
    expect(certificate(root).extensions.has('2.5.29.19') && certificate(root).extensions.has('2.5.29.15')).toBe(true);
    expect(() => certificate(patched([6, 3, 0x55, 0x1d, 0x0f], [6, 3, 0x55, 0x1d, 0x13]))).toThrow('twice');
  });
});

it('refuses a clip with the number 0, and a file that is too large', async () => {
  const second = readFileSync(at('clip-second.json'), 'utf8');
  expect(second).toContain('"number":"2"');
  expect((await verify(utf8(second.replace('"number":"2"', '"number":"0"')))).failed).toBe('format');
  const large = await verify(new Uint8Array(16 * 1024 * 1024 + 1));
  expect([large.failed, large.steps[0]?.text]).toEqual(['format', 'file: larger than 16 MiB']);
});

describe('an event', () => {
  const event = (over: Record<string, unknown>) => utf8(JSON.stringify(Object.fromEntries(Object.entries({ agent: 'ag', detail: { outcome: 'received' }, id: 'ev', outcome: 'success', subjects: [{ id: 'it' }], time: 't', tool: 'z', type: 'ingestion', version: '1', ...over }).filter(([, v]) => v !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)))));
  const nested = (n: number): unknown => (n ? [nested(n - 1)] : 'x');
  it('is read', () => { expect(readEvent(event({})).detail.get('outcome')).toBe('received'); expect(() => readEvent(event({ subjects: nested(16) }))).not.toThrow(); });
  it.each([
    { agent: {} }, { agent: ['ag'] }, { id: {} }, { outcome: [] }, { time: {} }, { tool: [] }, { type: ['ingestion'] }, { version: '2' }, { version: ['1'] }, { detail: 'x' }, { detail: [] }, { detail: { a: {} } }, { detail: { a: [] } },
    { subjects: 'x' }, { subjects: {} }, { agent: undefined }, { subjects: undefined }, { more: 'x' }, { subjects: nested(17) },
  ])('of another form is refused: %j', (over) => { expect(() => readEvent(event(over))).toThrow(); });
});

describe('names that others chose', () => {
  it.each([['a\u202eb', '\u2068a\ufffdb\u2069'], ['\u2069x', '\u2068\ufffdx\u2069'], ['', '\u2068?\u2069'], ['log.example/Архив', '\u2068log.example/Архив\u2069']])('%j is shown plainly', (name, shown) => { expect(plainly(name)).toBe(shown); });
});

it('reads UTF-8 as it stands', () => { expect(utf8('—').length).toBe(3); });
