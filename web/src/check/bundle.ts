// The proof bundle of docs/design/proof-bundle.md as values: parse gives them only if every form and every limit of that page is kept.
import { fromBase64, fromHex, hash, utf8, type Bytes } from './bytes';
import { before, Obj, parse as parseCanonical, type Value } from './canonical';
import { hashes } from './merkle';
import { decimal } from './note';

export class Form extends Error {}

export const largest = 16 * 1024 * 1024;
export const depths = { custody: 40, statements: 16, segments: 24 };
export const segmentSize = 1 << 20;

export type Stamp = { kind: 'rfc3161' | 'opentimestamps'; token: Bytes };
export type SignedCheckpoint = { consistency: Bytes[]; note: string; stamps: Stamp[] };
export type Tick = { checkpoint: number; custody: Bytes; index: number; proof: Bytes[]; salt: Bytes; statements: Bytes };
export type Placed<S> = { place: number; proof: Bytes[]; salt: Bytes; statement: S; tick: number; bytes: Bytes; digest: Bytes };
export type Accession = { bytes: number; files: number; milliseconds: number; root: string; unmeasured: number };
export type Scope = { accessions: Accession[]; bytes: number; files: number; milliseconds: number; unmeasured: number; origin: string; sealedOn: string };
export type Source = { accession: string; item: Bytes; segments: { commitment: Bytes; index: number }[] };
export type Clip = {
  clip: { bytes: number; milliseconds: number; sha256: string }; cuts: { from: number; source: number; to: number }[]; files: { bytes: number; sha256: string }[]; masks: string[]; number: number; origin: string;
  previous: string; released: number; scope: string; sources: Source[]; statedOn: string;
};
export type OpenedSource = { measure: Bytes; place: number; proof: Bytes[]; segmentRoot: Bytes; segments: Bytes[]; whole: Bytes };
export type OpenedItem = {
  event: Bytes; place: number; proof: Bytes[]; salt: Bytes; segmentRoot: Bytes; segments: { index: number; length: number; salt: Bytes; sha256: Bytes }[]; segmentsProof: Bytes[];
  sha256: string; size: number; tick: number; wholeSalt: Bytes;
};
export type Bundle = {
  digest: Bytes; note: string; checkpoints: SignedCheckpoint[]; log: { keys: { endorsement: string; vkey: string }[]; origin: string; witnesses: string[] }; ticks: Tick[];
} & (
  | { kind: 'scope'; scope: Placed<Scope>; totals: Bytes[][] }
  | { kind: 'clip'; scope: Placed<Scope>; clip: Placed<Clip>; totals: Bytes[][]; sources: OpenedSource[] }
  | { kind: 'item'; item: OpenedItem }
);

const no = (at: string, what: string): never => { throw new Form(`${at}: ${what}`); };

// fields opens an object that has exactly these keys.
function fields<K extends string>(v: Value | undefined, at: string, ...keys: K[]): Record<K, Value> & { $: Obj } {
  if (!(v instanceof Obj)) return no(at, 'not an object');
  for (const k of v.fields.keys()) if (!(keys as string[]).includes(k)) no(at, 'an unknown key');
  const out: Record<string, unknown> = { $: v };
  for (const k of keys) out[k] = v.fields.get(k) ?? no(at, `${k} is missing`);
  return out as Record<K, Value> & { $: Obj };
}

const text = (v: Value, at: string): string => (typeof v === 'string' ? v : no(at, 'not a string'));
const number = (v: Value, at: string): number => { const n = decimal(text(v, at)); return n < 0 ? no(at, 'not a number') : n; };
const digest = (v: Value, at: string): Bytes => fromHex(text(v, at), 32) ?? no(at, 'not 64 hexadecimal digits');
const digestText = (v: Value, at: string): string => { digest(v, at); return v as string; };
const base64 = (v: Value, at: string): Bytes => fromBase64(text(v, at)) ?? no(at, 'not base64');
const proof = (v: Value, at: string): Bytes[] => hashes(base64(v, at)) ?? no(at, 'not a list of hashes');
const constant = (v: Value, want: string, at: string): void => { if (v !== want) no(at, `not ${want}`); };

function list<T>(v: Value, at: string, least: number, most: number, read: (v: Value, at: string) => T): T[] {
  if (!Array.isArray(v)) return no(at, 'not an array');
  if (v.length < least || v.length > most) return no(at, 'too few or too many');
  return v.map((x, i) => read(x, `${at} ${i}`));
}

function within(n: number, limit: number, at: string): number { return n < limit ? n : no(at, 'out of range'); }

function date(v: Value, at: string): string {
  const s = text(v, at);
  const d = /^\d{4}-\d\d-\d\d$/.test(s) ? new Date(s + 'T00:00:00Z') : null;
  return d && !Number.isNaN(d.getTime()) && d.toISOString().startsWith(s) ? s : no(at, 'not a date');
}

const below = (a: number | string, b: number | string): boolean => (typeof a === 'string' ? before(a, String(b)) : a < (b as number));

function ascending<T>(items: T[], key: (x: T) => number | string, at: string): T[] {
  items.forEach((x, i) => { if (i > 0 && !below(key(items[i - 1]!), key(x))) no(at, 'out of order'); });
  return items;
}

function checkpoint(v: Value, at: string): SignedCheckpoint {
  const f = fields(v, at, 'consistency', 'note', 'stamps');
  return {
    consistency: proof(f.consistency, at), note: text(f.note, at),
    stamps: list(f.stamps, `${at} stamps`, 0, 16, (s, a) => {
      const g = fields(s, a, 'kind', 'token');
      if (g.kind !== 'rfc3161' && g.kind !== 'opentimestamps') return no(a, 'of an unknown kind');
      return { kind: g.kind, token: base64(g.token, a) };
    }),
  };
}

function scopeStatement(v: Value, at: string): Scope {
  const f = fields(v, at, 'accessions', 'bytes', 'files', 'format', 'milliseconds', 'origin', 'sealed_on', 'unmeasured', 'version');
  constant(f.format, 'zapis scope', at);
  constant(f.version, '1', at);
  const accessions = list(f.accessions, `${at} accessions`, 1, Infinity, (a, p) => {
    const g = fields(a, p, 'bytes', 'files', 'milliseconds', 'root', 'unmeasured');
    return { bytes: number(g.bytes, p), files: number(g.files, p), milliseconds: number(g.milliseconds, p), root: digestText(g.root, p), unmeasured: number(g.unmeasured, p) };
  });
  return {
    accessions: ascending(accessions, (a) => a.root, `${at} accessions`), bytes: number(f.bytes, at), files: number(f.files, at), milliseconds: number(f.milliseconds, at),
    unmeasured: number(f.unmeasured, at), origin: text(f.origin, at), sealedOn: date(f.sealed_on, at),
  };
}

function clipStatement(v: Value, at: string): Clip {
  // Version 2 also names the other files of one rendering.
  const others = v instanceof Obj ? v.fields.get('files') : undefined;
  const f = fields(v, at, 'clip', 'cuts', ...(others === undefined ? [] : ['files' as const]), 'format', 'masks', 'number', 'origin', 'previous', 'released_ms', 'scope', 'sources', 'stated_on', 'version');
  constant(f.format, 'zapis clip', at);
  constant(f.version, others === undefined ? '1' : '2', at);
  const c = fields(f.clip, `${at} clip`, 'bytes', 'milliseconds', 'sha256');
  const files = others === undefined ? [] : ascending(list(others, `${at} files`, 1, 64, (x, p) => {
    const g = fields(x, p, 'bytes', 'sha256');
    return { bytes: number(g.bytes, p), sha256: digestText(g.sha256, p) };
  }), (x) => x.sha256, `${at} files`);
  if (files.some((x) => x.sha256 === c.sha256)) no(`${at} files`, 'the clip among them');
  const sources = list(f.sources, `${at} sources`, 1, 64, (s, p) => {
    const g = fields(s, p, 'accession', 'item', 'segments');
    const segments = list(g.segments, `${p} segments`, 1, 4096, (x, q) => {
      const h = fields(x, q, 'commitment', 'index');
      return { commitment: digest(h.commitment, q), index: within(number(h.index, q), 2 ** depths.segments, q) };
    });
    return { accession: digestText(g.accession, p), item: digest(g.item, p), segments: ascending(segments, (x) => x.index, `${p} segments`) };
  });
  const cuts = list(f.cuts, `${at} cuts`, 1, 256, (x, p) => {
    const g = fields(x, p, 'from_ms', 'source', 'to_ms');
    const cut = { from: number(g.from_ms, p), source: within(number(g.source, p), sources.length, p), to: number(g.to_ms, p) };
    return cut.from < cut.to ? cut : no(p, 'ends before it begins');
  });
  if (sources.some((_, i) => !cuts.some((x) => x.source === i))) no(`${at} sources`, 'a source that no cut uses');
  const n = number(f.number, at);
  const previous = text(f.previous, at);
  if (n < 1) no(at, 'numbers begin with 1');
  if (n === 1 ? previous !== '' : !fromHex(previous, 32)) no(at, 'previous is not of its form');
  return {
    clip: { bytes: number(c.bytes, at), milliseconds: number(c.milliseconds, at), sha256: digestText(c.sha256, at) }, cuts, files, masks: list(f.masks, `${at} masks`, 0, Infinity, digestText), number: n,
    origin: text(f.origin, at), previous, released: number(f.released_ms, at), scope: digestText(f.scope, at), sources, statedOn: date(f.stated_on, at),
  };
}

function placed<S>(v: Value, at: string, ticks: number, read: (v: Value, at: string) => S): Placed<S> {
  const f = fields(v, at, 'place', 'proof', 'salt', 'statement', 'tick');
  if (!(f.statement instanceof Obj)) return no(at, 'not an object');
  const bytes = utf8(f.statement.text);
  return {
    place: within(number(f.place, at), 2 ** depths.statements, at), proof: proof(f.proof, at), salt: digest(f.salt, at), statement: read(f.statement, at), tick: within(number(f.tick, at), ticks, at),
    bytes, digest: hash(bytes),
  };
}

function openedSource(v: Value, at: string): OpenedSource {
  const f = fields(v, at, 'measure', 'place', 'proof', 'segment_root', 'segments', 'whole');
  return { measure: digest(f.measure, at), place: number(f.place, at), proof: proof(f.proof, at), segmentRoot: digest(f.segment_root, at), segments: proof(f.segments, at), whole: digest(f.whole, at) };
}

function openedItem(v: Value, at: string, ticks: number): OpenedItem {
  const f = fields(v, at, 'event', 'place', 'proof', 'salt', 'segment_root', 'segments', 'segments_proof', 'sha256', 'size', 'tick', 'whole_salt');
  const segments = list(f.segments, `${at} segments`, 0, Infinity, (s, p) => {
    const g = fields(s, p, 'index', 'length', 'salt', 'sha256');
    const length = number(g.length, p);
    return { index: within(number(g.index, p), 2 ** depths.segments, p), length: length <= segmentSize ? length : no(p, 'too long'), salt: digest(g.salt, p), sha256: digest(g.sha256, p) };
  });
  const segmentsProof = proof(f.segments_proof, at);
  if (!segments.length && segmentsProof.length) no(at, 'a proof of no segments');
  return {
    event: base64(f.event, at), place: within(number(f.place, at), 2 ** depths.custody, at), proof: proof(f.proof, at), salt: digest(f.salt, at), segmentRoot: digest(f.segment_root, at),
    segments: ascending(segments, (s) => s.index, `${at} segments`), segmentsProof, sha256: digestText(f.sha256, at), size: number(f.size, at), tick: within(number(f.tick, at), ticks, at),
    wholeSalt: digest(f.whole_salt, at),
  };
}

// parse reads a bundle. It throws Form or Spelling.
export function parse(raw: Uint8Array): Bundle {
  if (raw.length > largest) no('file', 'larger than 16 MiB');
  const top = fields(parseCanonical(raw), 'file', 'bundle', 'note');
  const f = fields(top.bundle, 'bundle', 'checkpoints', 'format', 'kind', 'log', 'opening', 'statements', 'ticks', 'version');
  constant(f.format, 'zapis proof', 'format');
  constant(f.version, '1', 'version');
  const checkpoints = list(f.checkpoints, 'checkpoints', 1, 16, checkpoint);
  const l = fields(f.log, 'log', 'keys', 'origin', 'witnesses');
  if (checkpoints[0]!.consistency.length) no('checkpoints', 'the first one follows on none');
  const log = {
    keys: list(l.keys, 'keys', 1, 32, (k, p) => { const g = fields(k, p, 'endorsement', 'vkey'); return { endorsement: text(g.endorsement, p), vkey: text(g.vkey, p) }; }),
    origin: text(l.origin, 'origin'), witnesses: ascending(list(l.witnesses, 'witnesses', 0, 256, text), (x) => x, 'witnesses'),
  };
  const ticks = ascending(list(f.ticks, 'ticks', 1, 16, (t, p) => {
    const g = fields(t, p, 'checkpoint', 'custody', 'index', 'proof', 'salt', 'statements');
    return {
      checkpoint: within(number(g.checkpoint, p), checkpoints.length, p), custody: digest(g.custody, p), index: number(g.index, p), proof: proof(g.proof, p), salt: digest(g.salt, p),
      statements: digest(g.statements, p),
    };
  }), (t) => t.index, 'ticks');

  const base = { digest: hash(utf8(f.$.text)), note: text(top.note, 'note'), checkpoints, log, ticks };
  const named = new Set<number>();
  const use = <P extends { tick: number }>(p: P): P => { named.add(p.tick); return p; };
  let out: Bundle;
  const many = f.kind === 'clip' ? 2 : f.kind === 'scope' ? 1 : 0;
  const statements = list(f.statements, 'statements', many, many, (v) => v);
  switch (f.kind) {
    case 'scope': case 'clip': {
      const scope = use(placed(statements[0]!, 'scope statement', ticks.length, scopeStatement));
      const totals = (v: Value) => list(v, 'totals', scope.statement.accessions.length, scope.statement.accessions.length, proof);
      if (f.kind === 'scope') {
        out = { ...base, kind: 'scope', scope, totals: totals(fields(f.opening, 'opening', 'totals').totals) };
        break;
      }
      const clip = use(placed(statements[1]!, 'clip statement', ticks.length, clipStatement));
      const o = fields(f.opening, 'opening', 'sources', 'totals');
      const n = clip.statement.sources.length;
      out = { ...base, kind: 'clip', scope, clip, totals: totals(o.totals), sources: list(o.sources, 'opened sources', n, n, openedSource) };
      break;
    }
    case 'item':
      out = { ...base, kind: 'item', item: use(openedItem(f.opening, 'opening', ticks.length)) };
      break;
    default:
      return no('kind', 'unknown');
  }
  if (named.size !== ticks.length) no('ticks', 'a tick that nothing names');
  return out;
}
