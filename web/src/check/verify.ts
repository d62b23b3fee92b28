// The check of a proof bundle, written from docs/design/proof-bundle.md, section "Checking". Any failure refuses the whole bundle.
//
// It guarantees that a bundle is accepted only if every step holds, and that facts never say more than was checked: what rests on a key
// that nobody gave from elsewhere is marked so. It reads nothing but its arguments. It does not say that footage is true.
import { equal, fromHex, hash, hex, tagged, u64, utf8, type Bytes } from './bytes';
import { depths, Form, parse, segmentSize, type Bundle, type Tick } from './bundle';
import { Obj, parse as parseCanonical, Spelling } from './canonical';
import { Der } from './der';
import { choose, type Verify } from './ed25519';
import { consistent, included, leaf, unveiled } from './merkle';
import { by, cosignature, cosigned, decimal, plain, readCheckpoint, readKey, readNote, signed, type Checkpoint, type Key, type Signature } from './note';
import { checkOpenTimestamps, Ots, type Attested } from './ots';
import { checkToken, fromPem, Untrusted } from './rfc3161';

export const steps = ['format', 'keys', 'signature', 'checkpoints', 'witnesses', 'time', 'log', 'statements', 'totals', 'lineage', 'event', 'file'] as const;
export type StepName = (typeof steps)[number];
export type Step = { name: StepName; state: 'ok' | 'open' | 'failed'; text: string };

// What the caller has from somewhere else than the bundle, and the file if it is at hand.
export type Options = {
  keys?: string[]; // verifier keys of the log
  witnesses?: string[]; // verifier keys of witnesses
  quorum?: number; // how many of them must have signed each checkpoint; all if it is not given
  roots?: string; // root certificates of time authorities, PEM
  file?: { size: number; sha256: string };
  ed25519?: Verify; // what checks signatures; chosen by what the browser has if it is not given
};

// Mark is a time that somebody puts on a checkpoint.
export type Mark = { at: number; who: string; key: string; kind: 'authority' | 'witness'; checked: boolean };
export type CheckpointFacts = { size: number; root: string; key: string; marks: Mark[]; attestations: Attested[] };
export type Facts = {
  origin: string; keys: { vkey: string; since: number }[]; keyGiven: boolean; witnesses: string[]; witnessesGiven: boolean; quorum: number; rootsGiven: boolean; checkpoints: CheckpointFacts[];
  // The tick that matters for the bundle's own date, and the one of the scope.
  tick: { index: number; checkpoint: number } | null; scopeTick: { index: number; checkpoint: number } | null;
};
// given says of a refusal that it is about what the caller gave, and not about the bundle alone.
export type Report = { ok: boolean; kind: string; failed: StepName | ''; given: boolean; steps: Step[]; bundle: Bundle | null; facts: Facts };

class Refused extends Error {
  constructor(readonly step: StepName, why: string, readonly given = false) { super(why); }
}

export async function verify(raw: Uint8Array, options: Options = {}): Promise<Report> {
  const facts: Facts = {
    origin: '', keys: [], keyGiven: !!options.keys?.length, witnesses: [], witnessesGiven: !!options.witnesses?.length, quorum: 0, rootsGiven: !!options.roots, checkpoints: [], tick: null, scopeTick: null,
  };
  const report: Report = { ok: false, kind: '', failed: '', given: false, steps: [], bundle: null, facts };
  const done = (name: StepName, state: Step['state'], text = '') => report.steps.push({ name, state, text });
  try {
    const b = parse(raw);
    report.kind = b.kind;
    report.bundle = b;
    await check(b, options, facts, done);
    report.ok = true;
  } catch (e) {
    const step = e instanceof Refused ? e.step : e instanceof Form || e instanceof Spelling ? 'format' : null;
    if (!step) throw e;
    report.failed = step;
    report.given = e instanceof Refused && e.given;
    done(step, 'failed', (e as Error).message);
  }
  return report;
}

async function check(b: Bundle, options: Options, facts: Facts, done: (name: StepName, state: Step['state'], text?: string) => void): Promise<void> {
  const need = (ok: unknown, step: StepName, why: string): void => { if (!ok) throw new Refused(step, why); };
  const ed25519 = options.ed25519 ?? (await choose()).verify;
  done('format', 'ok');

  // keys
  const { origin } = b.log;
  facts.origin = origin;
  const keys: { key: Key; since: number }[] = [];
  for (const [i, k] of b.log.keys.entries()) {
    const key = readKey(k.vkey);
    if (!key || key.algorithm !== plain || key.name !== origin) throw new Refused('keys', `key ${i} is not a verifier key of this origin`);
    need(!keys.some((other) => other.key.number === key.number), 'keys', `key ${i} has the key number of another`);
    let since = 0;
    if (i === 0) need(k.endorsement === '', 'keys', 'the first key is endorsed by nobody');
    else {
      const note = readNote(k.endorsement);
      const lines = note?.text.split('\n') ?? [];
      since = decimal(lines[3] ?? '');
      if (!note || note.signatures.length !== 1 || lines.length !== 5 || lines[0] !== 'zapis log key v1' || lines[1] !== origin || lines[2] !== k.vkey || lines[4] !== '' || since < 0) {
        throw new Refused('keys', `endorsement of key ${i} is not of its form`);
      }
      need(since >= keys[i - 1]!.since, 'keys', `key ${i} begins before the one in front of it`);
      need(await signed(keys[i - 1]!.key, note.signatures[0]!, note.text, ed25519), 'keys', `endorsement of key ${i} is not signed by the key before`);
    }
    keys.push({ key, since });
  }
  const witnesses = b.log.witnesses.map((text, i) => {
    const key = readKey(text);
    if (!key || key.algorithm !== cosignature) throw new Refused('keys', `witness ${i} is not a verifier key`);
    return key;
  });
  for (const given of options.keys ?? []) if (!b.log.keys.some((k) => k.vkey === given)) throw new Refused('keys', 'the key given is not one of the log', true);
  facts.keys = keys.map((k) => ({ vkey: k.key.text, since: k.since }));
  facts.witnesses = b.log.witnesses;
  done('keys', facts.keyGiven ? 'ok' : 'open', facts.keyGiven ? '' : 'no key was given from elsewhere');

  // signature
  const note = readNote(b.note);
  if (!note || note.signatures.length !== 1 || note.text !== `zapis proof v1\n${origin}\n${hex(b.digest)}\n`) throw new Refused('signature', 'the note is not about this bundle');
  need(await signed(keys.at(-1)!.key, note.signatures[0]!, note.text, ed25519), 'signature', 'the note is not signed by the last key');
  done('signature', 'ok');

  // checkpoints
  const checkpoints: { at: Checkpoint; text: string; digest: Bytes; cosignatures: Signature[] }[] = [];
  for (const [i, c] of b.checkpoints.entries()) {
    const note = readNote(c.note);
    const at = note && readCheckpoint(note.text);
    if (!note || !at || at.origin !== origin) throw new Refused('checkpoints', `checkpoint ${i} is not one of this log`);
    const [first, ...cosignatures] = note.signatures;
    const who = keys.find((k) => by(first!, k.key));
    need(who && who.since <= at.size && await signed(who.key, first!, note.text, ed25519), 'checkpoints', `checkpoint ${i} is not signed by a key of the log`);
    const last = checkpoints.at(-1);
    if (last) need(last.at.size < at.size && consistent(last.at.size, at.size, last.at.root, at.root, c.consistency), 'checkpoints', `checkpoint ${i} does not continue the one before`);
    checkpoints.push({ at, text: note.text, digest: hash(utf8(note.text)), cosignatures });
    facts.checkpoints.push({ size: at.size, root: hex(at.root), key: who!.key.text, marks: [], attestations: [] });
  }
  done('checkpoints', 'ok');

  // witnesses; one is counted by its public key, so that the same key under two names is one
  const given = new Set(options.witnesses ?? []);
  const trusted = new Set([...given].map((w) => { const k = readKey(w); return k?.algorithm === cosignature ? hex(k.public) : w; }));
  facts.quorum = options.quorum || trusted.size;
  for (const [i, c] of checkpoints.entries()) {
    const seen = new Set<string>();
    let from = 0;
    for (const s of c.cosignatures) {
      const w = witnesses.findIndex((k, n) => n >= from && by(s, k));
      need(w >= 0, 'witnesses', `checkpoint ${i} has a signature line that belongs to no witness in its turn`);
      from = w + 1;
      const key = witnesses[w]!;
      const t = await cosigned(key, s, c.text, ed25519);
      need(t >= 0, 'witnesses', `a cosignature of checkpoint ${i} does not hold`);
      const checked = given.has(key.text);
      if (checked) seen.add(hex(key.public));
      facts.checkpoints[i]!.marks.push({ at: t * 1000, who: key.name, key: hex(key.public), kind: 'witness', checked });
    }
    if (given.size && seen.size < facts.quorum) throw new Refused('witnesses', `checkpoint ${i} lacks witnesses that were wanted`, true);
  }
  done('witnesses', given.size ? 'ok' : 'open', given.size ? '' : 'no witness was given from elsewhere');

  // time
  let open = true;
  try {
    const roots = options.roots ? fromPem(options.roots) : [];
    for (const [i, c] of b.checkpoints.entries()) for (const s of c.stamps) {
      const of = facts.checkpoints[i]!;
      if (s.kind === 'opentimestamps') of.attestations.push(checkOpenTimestamps(s.token, checkpoints[i]!.digest));
      else {
        const t = await checkToken(s.token, checkpoints[i]!.digest, roots);
        if (t.checked) open = false;
        of.marks.push({ at: t.at, who: t.authority, key: '', kind: 'authority', checked: t.checked });
      }
    }
  } catch (e) {
    if (e instanceof Der || e instanceof Ots) throw new Refused('time', e.message, e instanceof Untrusted);
    throw e;
  }
  done('time', open ? 'open' : 'ok', open ? 'no time authority was checked' : '');

  // log
  for (const [i, t] of b.ticks.entries()) {
    const c = checkpoints[t.checkpoint]!.at;
    const entry = tagged('zapis.tick.v1', t.salt, t.custody, t.statements);
    need(included(t.index, c.size, leaf(entry), t.proof, c.root), 'log', `tick ${i} is not in the log`);
  }
  done('log', 'ok');
  const tickFacts = (n: number) => ({ index: b.ticks[n]!.index, checkpoint: b.ticks[n]!.checkpoint });

  if (b.kind === 'item') {
    facts.tick = tickFacts(b.item.tick);
    event(b, b.ticks[b.item.tick]!, need);
    done('event', 'ok');
  } else {
    // statements
    const all = b.kind === 'clip' ? [b.scope, b.clip] : [b.scope];
    for (const s of all) {
      const data = tagged('zapis.statement.v1', s.salt, s.bytes);
      need(unveiled(depths.statements, [s.place], [data], s.proof, b.ticks[s.tick]!.statements), 'statements', 'a statement is not in its tick');
      need(s.statement.origin === origin, 'statements', 'a statement is of another origin');
    }
    if (b.kind === 'clip') {
      need(b.clip.statement.scope === hex(b.scope.digest), 'statements', 'the clip is of another scope');
      need(b.clip.tick >= b.scope.tick, 'statements', 'the clip was stated before its scope');
    }
    facts.scopeTick = tickFacts(b.scope.tick);
    facts.tick = b.kind === 'clip' ? tickFacts(b.clip.tick) : facts.scopeTick;
    done('statements', 'ok');

    // totals
    const scope = b.scope.statement;
    for (const key of ['bytes', 'files', 'milliseconds', 'unmeasured'] as const) {
      const sum = scope.accessions.reduce((s, a) => s + BigInt(a[key]), 0n);
      need(sum === BigInt(scope[key]), 'totals', `the sum of ${key} is another`);
    }
    scope.accessions.forEach((a, i) => {
      need(a.unmeasured <= a.files, 'totals', `accession ${i} has more files without duration than files`);
      const total = tagged('zapis.total.v1', u64(a.files), u64(a.bytes), u64(a.milliseconds));
      need(a.files < Number.MAX_SAFE_INTEGER && included(a.files, a.files + 1, leaf(total), b.totals[i]!, fromHex(a.root, 32)!), 'totals', `the total of accession ${i} is not under its root`);
    });
    done('totals', 'ok');

    if (b.kind === 'clip') {
      lineage(b, need);
      done('lineage', 'ok');
    }
  }

  // file
  if (options.file) {
    const { size, sha256 } = options.file;
    const want = b.kind === 'clip' ? [b.clip.statement.clip, ...b.clip.statement.files] : b.kind === 'item' ? [{ bytes: b.item.size, sha256: b.item.sha256 }] : null;
    need(want, 'file', 'a scope is about no single file');
    need(want!.some((x) => x.bytes === size && x.sha256 === sha256), 'file', 'the file is another one');
  }
  if (options.file || b.kind !== 'scope') done('file', options.file ? 'ok' : 'open', options.file ? '' : 'no file was given');
}

// existed gives by when a tick was there, and who says so: the earliest time of a checked authority, or of as many given witnesses as were
// wanted, on its checkpoint or a later one, which contains it. With nobody to trust, checked is false and the time is the earliest word of anybody
// named in the file. Null if nobody outside says anything.
export function existed(facts: Facts, checkpoint: number): { at: number; who: string[]; checked: boolean } | null {
  type Said = { at: number; who: string[] };
  const found: { checked: Said[]; open: Said[] } = { checked: [], open: [] };
  for (const c of facts.checkpoints.slice(checkpoint)) {
    const latest = new Map<string, Mark>(); // of each given witness, by its key
    for (const m of c.marks) {
      if (!m.checked) found.open.push({ at: m.at, who: [m.who] });
      else if (m.kind === 'authority') found.checked.push({ at: m.at, who: [m.who] });
      else if (!(m.at <= (latest.get(m.key)?.at ?? -1))) latest.set(m.key, m);
    }
    const signed = [...latest.values()].sort((a, b) => a.at - b.at).slice(0, facts.quorum);
    if (facts.quorum > 0 && signed.length === facts.quorum) found.checked.push({ at: signed.at(-1)!.at, who: signed.map((m) => m.who) });
  }
  const earliest = (of: Said[]) => of.reduce<Said | null>((a, b) => (a && a.at <= b.at ? a : b), null);
  const checked = earliest(found.checked), open = earliest(found.open);
  if (checked) return { ...checked, checked: true };
  return open && { ...open, checked: false };
}

type Need = (ok: unknown, step: StepName, why: string) => void;

function lineage(b: Bundle & { kind: 'clip' }, need: Need): void {
  const clip = b.clip.statement, scope = b.scope.statement;
  clip.sources.forEach((s, i) => {
    const o = b.sources[i]!;
    const a = scope.accessions.find((x) => x.root === s.accession);
    need(a, 'lineage', `source ${i} is of an accession that is not in the scope`);
    need(equal(tagged('zapis.item.v1', o.whole, o.segmentRoot, o.measure), s.item), 'lineage', `source ${i} is another item`);
    need(o.place < a!.files && included(o.place, a!.files + 1, leaf(s.item), o.proof, fromHex(a!.root, 32)!), 'lineage', `source ${i} is not in its accession`);
    need(unveiled(depths.segments, s.segments.map((x) => x.index), s.segments.map((x) => x.commitment), o.segments, o.segmentRoot), 'lineage', `segments of source ${i} are not in it`);
  });
  const length = clip.cuts.reduce((sum, c) => sum + BigInt(c.to - c.from), 0n);
  const released = BigInt(clip.released);
  need(clip.number === 1 ? released === length : released >= length, 'lineage', 'less is said to be released than this clip holds');
  need(released <= BigInt(scope.milliseconds), 'lineage', 'more is said to be released than was sealed');
  const gap = length - BigInt(clip.clip.milliseconds);
  need(gap <= 2000n && gap >= -2000n, 'lineage', 'the clip is longer or shorter than its cuts');
}

const eventKeys = ['agent', 'detail', 'id', 'outcome', 'subjects', 'time', 'tool', 'type', 'version'];

// readEvent reads the canonical bytes of an event of the custody record, version 1. It throws Spelling, or Form.
export function readEvent(raw: Bytes): { type: string; detail: ReadonlyMap<string, string> } {
  const e = parseCanonical(raw, 18); // subjects may be nested 16 deep
  const detail = e.fields.get('detail'), type = e.fields.get('type');
  if ([...e.fields.keys()].join() !== eventKeys.join() || e.fields.get('version') !== '1') throw new Form('the event has other keys than an event has');
  if (!(detail instanceof Obj) || !Array.isArray(e.fields.get('subjects'))) throw new Form('the event has values of another form');
  if (eventKeys.some((k) => k !== 'detail' && k !== 'subjects' && typeof e.fields.get(k) !== 'string')) throw new Form('the event has values of another form');
  if ([...detail.fields.values()].some((v) => typeof v !== 'string')) throw new Form('the event has details of another form');
  return { type: type as string, detail: detail.fields as ReadonlyMap<string, string> };
}

function event(b: Bundle & { kind: 'item' }, tick: Tick, need: Need): void {
  const o = b.item;
  let e: ReturnType<typeof readEvent>;
  try { e = readEvent(o.event); } catch { throw new Refused('event', 'the event is not one of the custody record'); }
  const of = (key: string) => e.detail.get(key);
  need(e.type === 'ingestion' && of('outcome') === 'received', 'event', 'the event is not about something received');
  const whole = tagged('zapis.whole.v1', o.wholeSalt, u64(o.size), fromHex(o.sha256, 32)!);
  need(of('sha256') === o.sha256 && of('size') === String(o.size), 'event', 'the event is about other bytes');
  need(of('whole') === hex(whole) && of('segment_root') === hex(o.segmentRoot), 'event', 'the event names other commitments');
  const data = tagged('zapis.custody.leaf.v1', o.salt, o.event);
  need(unveiled(depths.custody, [o.place], [data], o.proof, tick.custody), 'event', 'the event is not in the custody record of its tick');
  if (o.segments.length) {
    const last = Math.max(1, Math.ceil(o.size / segmentSize)) - 1;
    need(o.segments.every((s) => s.index <= last && s.length === Math.min(segmentSize, o.size - s.index * segmentSize)), 'event', 'a segment has another length than the item gives it');
    const leaves = o.segments.map((s) => tagged('zapis.segment.v1', s.salt, u64(s.length), s.sha256));
    need(unveiled(depths.segments, o.segments.map((s) => s.index), leaves, o.segmentsProof, o.segmentRoot), 'event', 'the segments are not in the item');
  }
}
