// The answer of a check as a page: words first, what it does not show, then everything for experts. Nothing is said here that the
// report does not hold.
import { el } from '../lib/dom';
import type { Words } from '../lib/message';
import { hex } from './bytes';
import type { Bundle } from './bundle';
import { icon, type IconName } from './icons';
import { fingerprint, readKey } from './note';
import { plainly } from './plainly';
import { existed, type Facts, type Report, type StepName } from './verify';

type Line = { icon: IconName; what: string; more?: (Node | string)[]; warn?: string; extra?: Node };

const bdi = (text: string) => el('bdi', { dir: 'ltr' }, text.replace(/\p{C}/gu, '\ufffd'));
const day = (w: Words, ms: number) => w.day(new Date(ms).toISOString().slice(0, 10), 'short');

// percent writes a share with two telling digits: 0.008 %.
export function percent(w: Words, part: number, whole: number): string {
  return new Intl.NumberFormat(w.lang, { style: 'percent', maximumSignificantDigits: 2 }).format(part / whole);
}

function names(w: Words, who: string[]): string {
  return new Intl.ListFormat(w.lang, { type: 'conjunction' }).format([...new Set(who.map(plainly))].slice(0, 6));
}

// timeLine says by when the checkpoint of a tick was there, and on whose word.
function timeLine(w: Words, facts: Facts, checkpoint: number): Line {
  const bitcoin = facts.checkpoints.slice(checkpoint).some((c) => c.attestations.some((a) => a.kind === 'bitcoin')) ? [' ' + w.t('check.time.bitcoin')] : [];
  const by = existed(facts, checkpoint);
  if (!by) return { icon: 'none', what: w.t('check.time.none'), more: [w.t('check.time.none_more'), ...bitcoin] };
  const what = w.t('check.time.by', { date: day(w, by.at) }), who = names(w, by.who);
  return by.checked ? { icon: 'check', what, more: [w.t('check.time.say', { who }), ...bitcoin] } : { icon: 'half', what, warn: w.t('check.time.unchecked', { who }), more: bitcoin };
}

function keyLine(w: Words, r: Report, form: Node): Line {
  const last = readKey(r.facts.keys.at(-1)?.vkey ?? '');
  const origin = plainly(r.facts.origin);
  if (r.facts.keyGiven) return { icon: 'check', what: w.t('check.key.same', { origin }), more: [w.t('check.key.same_more')], extra: form };
  return { icon: 'half', what: w.t('check.key.unknown', { origin }), warn: w.t('check.key.unknown_more'), more: last ? [w.t('check.key.fingerprint') + ' ', bdi(fingerprint(last))] : [], extra: form };
}

function logLine(w: Words, r: Report): Line {
  const t = r.facts.tick!;
  return { icon: 'check', what: w.t('check.entered'), more: [w.t('check.entered_more', { index: t.index, size: r.facts.checkpoints[t.checkpoint]!.size })] };
}

const scopeText = (w: Words, s: { files: number; bytes: number; milliseconds: number }) =>
  w.t('check.scope.totals', { files: s.files, bytes: w.bytes(s.bytes), length: w.duration(s.milliseconds) });

function shareOf(w: Words, b: Bundle & { kind: 'clip' }): Line {
  const clip = b.clip.statement, scope = b.scope.statement;
  const own = clip.cuts.reduce((sum, c) => sum + c.to - c.from, 0);
  const total = scope.milliseconds;
  const bar = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  bar.setAttribute('viewBox', '0 0 1000 10');
  bar.setAttribute('preserveAspectRatio', 'none');
  bar.setAttribute('aria-hidden', 'true');
  const part = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  part.setAttribute('width', String(Math.max(1, (1000 * clip.released) / total)));
  part.setAttribute('height', '10');
  bar.append(part);
  return {
    icon: 'check', what: w.t('check.share', { part: w.duration(own), whole: w.duration(total), percent: percent(w, own, total) }),
    more: [w.t('check.share_released', { part: w.duration(clip.released), percent: percent(w, clip.released, total) }), ...(scope.unmeasured ? [' ' + w.t('check.share_unmeasured', { n: scope.unmeasured })] : [])],
    extra: el('div', { class: 'share' }, bar),
  };
}

function lines(w: Words, r: Report, fileGiven: boolean, form: Node): Line[] {
  const b = r.bundle!;
  const out: Line[] = [];
  if (b.kind !== 'scope') {
    const sha = b.kind === 'clip' ? b.clip.statement.clip.sha256 : b.item.sha256;
    const more = [w.t('check.digest') + ' ', bdi(`${sha.slice(0, 16)}…${sha.slice(-8)}`)];
    if (!fileGiven) out.push({ icon: 'none', what: w.t('check.file.none'), more: [w.t('check.file.none_more')] });
    else out.push({ icon: 'check', what: w.t(!r.facts.keyGiven ? 'check.file.fits' : b.kind === 'clip' ? 'check.file.same' : 'check.file.same_item'), more });
  }
  out.push(keyLine(w, r, form));
  out.push(timeLine(w, r.facts, r.facts.tick!.checkpoint));
  out.push(logLine(w, r));
  if (b.kind === 'clip') {
    const { sources, masks } = b.clip.statement;
    const segments = sources.reduce((sum, s) => sum + s.segments.length, 0);
    const sealed = existed(r.facts, r.facts.scopeTick!.checkpoint);
    const more = [w.t('check.cut_more', { sources: sources.length, segments })];
    if (masks.length) more.push(w.t('check.cut_masks', { n: masks.length }));
    more.push(scopeText(w, b.scope.statement));
    if (!sealed) more.push(w.t('check.sealed_own', { date: w.day(b.scope.statement.sealedOn, 'short') }));
    else more.push(w.t(sealed.checked ? 'check.sealed' : 'check.sealed_unchecked', { date: day(w, sealed.at), who: names(w, sealed.who) }));
    out.push({ icon: 'half', what: w.t('check.cut'), more: [more.join(' ')] });
    if (b.scope.statement.milliseconds > 0) out.push(shareOf(w, b));
  }
  if (b.kind === 'scope') {
    out.push({ icon: 'check', what: w.t('check.scope.sealed'), more: [scopeText(w, b.scope.statement), ' ', w.t('check.scope.accessions', { n: b.scope.statement.accessions.length }),
      ...(b.scope.statement.unmeasured ? [' ' + w.t('check.share_unmeasured', { n: b.scope.statement.unmeasured })] : [])] });
  }
  if (b.kind === 'item') {
    out.push({ icon: 'check', what: w.t('check.received'), more: [w.t('check.received_more', { n: b.item.segments.length })] });
  }
  return out;
}

function row(l: Line): HTMLLIElement {
  const body = el('div', {}, el('p', { class: 'what' }, l.what));
  if (l.warn) body.append(el('p', { class: 'warn' }, l.warn));
  if (l.more?.length) body.append(el('p', { class: 'more' }, ...l.more));
  if (l.extra) body.append(l.extra);
  return el('li', {}, icon(l.icon), body);
}

const stepName: Record<StepName, string> = {
  format: 'check.step.format', keys: 'check.step.keys', signature: 'check.step.signature', checkpoints: 'check.step.checkpoints', witnesses: 'check.step.witnesses', time: 'check.step.time',
  log: 'check.step.log', statements: 'check.step.statements', totals: 'check.step.totals', lineage: 'check.step.lineage', event: 'check.step.event', file: 'check.step.file',
};
const stateName = { ok: 'check.state.ok', open: 'check.state.open', failed: 'check.state.failed' };

function pairs(of: [string, (Node | string)[]][]): HTMLDListElement {
  return el('dl', {}, ...of.flatMap(([k, v]) => [el('dt', {}, k), ...v.map((x) => el('dd', {}, x))]));
}

function fold(title: string, ...body: Node[]): HTMLDetailsElement {
  return el('details', {}, el('summary', {}, title), el('div', { class: 'in' }, ...body));
}

function stepList(w: Words, r: Report): HTMLDListElement {
  return pairs(r.steps.map((s) => [`${w.t(stepName[s.name])} (${s.name})`, [w.t(stateName[s.state]) + (s.text ? ': ' : ''), ...(s.text ? [el('span', { lang: 'en' }, s.text)] : [])].length > 1
    ? [el('span', {}, w.t(stateName[s.state]) + ': ', el('span', { lang: 'en' }, s.text))] : [w.t(stateName[s.state])]]));
}

function experts(w: Words, r: Report): Node[] {
  const b = r.bundle!, f = r.facts;
  const digests: [string, (Node | string)[]][] = [[w.t('check.d.bundle'), [bdi(hex(b.digest))]]];
  if (b.kind === 'clip') digests.push([w.t('check.d.clip'), [bdi(b.clip.statement.clip.sha256)]], [w.t('check.d.clip_statement'), [bdi(hex(b.clip.digest))]]);
  if (b.kind === 'item') digests.push([w.t('check.d.item'), [bdi(b.item.sha256)]], [w.t('check.d.segment_root'), [bdi(hex(b.item.segmentRoot))]]);
  if (b.kind !== 'item') digests.push([w.t('check.d.scope_statement'), [bdi(hex(b.scope.digest))]], [w.t('check.d.accessions'), b.scope.statement.accessions.map((a) => bdi(a.root))]);
  const out = [
    fold(w.t('check.more.steps'), stepList(w, r)),
    fold(w.t('check.more.digests'), pairs(digests)),
    fold(w.t('check.more.keys'), pairs(f.keys.map((k) => {
      const key = readKey(k.vkey);
      return [w.t('check.d.key_since', { size: k.since }), [bdi(k.vkey), ...(key ? [el('span', {}, w.t('check.key.fingerprint') + ' ', bdi(fingerprint(key)))] : [])]];
    })), ...(f.witnesses.length ? [pairs([[w.t('check.d.witnesses'), f.witnesses.map(bdi)]])] : [])),
    fold(w.t('check.more.checkpoints'), pairs(f.checkpoints.map((c) => [w.t('check.d.checkpoint', { size: c.size }), [bdi(c.root),
      ...c.marks.map((m) => el('span', {}, `${w.t(m.kind === 'witness' ? 'check.d.witness' : 'check.d.authority')} `, el('bdi', {}, plainly(m.who)), `: ${w.datetime(new Date(m.at).toISOString())}, ${w.t(m.checked ? 'check.d.compared' : 'check.d.not_compared')}`)),
      ...c.attestations.map((a) => (a.kind === 'bitcoin' ? el('span', {}, w.t('check.d.bitcoin', { block: String(a.block) }) + ' ', bdi(a.root)) : w.t('check.d.calendar')))]]))),
  ];
  const said = b.kind === 'clip' ? [b.clip, b.scope] : b.kind === 'scope' ? [b.scope] : [];
  if (said.length) out.push(fold(w.t('check.more.statements'), ...said.map((s) => el('pre', { dir: 'ltr', tabindex: '0' }, JSON.stringify(JSON.parse(new TextDecoder().decode(s.bytes)), null, 1).replace(/(?!\n)\p{C}/gu, '\ufffd')))));
  return out;
}

function panel(kind: 'good' | 'half' | 'bad', i: IconName, title: string, sub: string): { section: HTMLElement; heading: HTMLHeadingElement } {
  const heading = el('h2', { id: 'answer', tabindex: '-1' }, title);
  const section = el('section', { class: `proof ${kind}`, 'aria-labelledby': 'answer' }, el('header', {}, icon(i), el('div', {}, heading, el('p', {}, sub))));
  return { section, heading };
}

function accepted(w: Words, r: Report, fileGiven: boolean, form: Node) {
  const b = r.bundle!;
  const origin = plainly(r.facts.origin);
  // Without a key from elsewhere anybody could have made all of this, under any name: no sentence in front may sound like more.
  const known = r.facts.keyGiven;
  const title = b.kind === 'scope' ? (known ? 'check.title.scope' : 'check.title.scope_unknown') : !fileGiven ? (b.kind === 'item' ? 'check.title.item_nofile' : 'check.title.clip_nofile')
    : !known ? 'check.title.unknown' : b.kind === 'item' ? 'check.title.item' : 'check.title.clip';
  const sure = known && (fileGiven || b.kind === 'scope');
  const { section, heading } = panel(sure ? 'good' : 'half', sure ? 'seal' : 'half', w.t(title), w.t(known ? 'check.sub.key' : 'check.sub.nokey', { origin }));
  section.append(el('ul', { class: 'lines' }, ...lines(w, r, fileGiven, form).map(row)));
  const not = [w.t('check.not.true')];
  if (b.kind === 'clip') not.push(w.t('check.not.original'), w.t('check.not.who'));
  if (b.kind === 'scope') not.push(w.t('check.not.scope'));
  if (b.kind === 'item') not.push(w.t('check.not.item'));
  section.append(el('div', { class: 'pad' }, el('h3', {}, w.t('check.not.title')), el('ul', {}, ...not.map((t) => el('li', {}, t)))), ...experts(w, r));
  return { section, heading };
}

const whatFailed: Record<StepName, string> = {
  format: 'check.failed.format', keys: 'check.failed.keys', signature: 'check.failed.signature', checkpoints: 'check.failed.checkpoints', witnesses: 'check.failed.witnesses', time: 'check.failed.time',
  log: 'check.failed.log', statements: 'check.failed.statements', totals: 'check.failed.totals', lineage: 'check.failed.lineage', event: 'check.failed.event', file: 'check.failed.file',
};

function refused(w: Words, r: Report, looksLikeProof: boolean, form: Node) {
  const step = r.failed as StepName;
  const about = r.given ? (step === 'keys' ? 'given-key' : step === 'time' ? 'given-root' : 'given-witness') : step === 'file' ? (r.kind === 'scope' ? 'no-file' : 'file') : step === 'format' && !looksLikeProof ? 'other' : 'bundle';
  const title = { 'given-key': 'check.bad.key', 'given-witness': 'check.bad.witness', 'given-root': 'check.bad.root', file: 'check.bad.file', 'no-file': 'check.bad.no_file', other: 'check.bad.other', bundle: 'check.bad.bundle' }[about];
  const means = {
    'given-key': ['check.mean.typing', 'check.mean.name'], 'given-witness': ['check.mean.typing', 'check.mean.unwitnessed'], 'given-root': ['check.mean.typing', 'check.mean.authority'], file: ['check.mean.messenger', 'check.mean.mixed', 'check.mean.altered'],
    'no-file': ['check.mean.mixed'], other: ['check.mean.picked', 'check.mean.damaged'], bundle: ['check.mean.damaged', 'check.mean.altered', 'check.mean.fault'],
  }[about];
  const what = { 'given-key': 'check.failed.given_key', 'given-witness': 'check.failed.given_witness', 'given-root': 'check.failed.given_root', file: whatFailed.file, 'no-file': 'check.failed.no_file', other: 'check.failed.other', bundle: whatFailed[step] }[about];
  const { section, heading } = panel('bad', 'cross', w.t(title), w.t(what));
  section.append(el('div', { class: 'pad' }, el('h3', {}, w.t('check.mean.title')), el('ul', {}, ...means.map((m) => el('li', {}, w.t(m))))));
  section.append(el('div', { class: 'pad' }, el('h3', {}, w.t('check.ask.title')), el('p', { class: 'more' }, w.t(r.given ? 'check.ask.key' : 'check.ask.again'))));
  if (r.given) section.append(el('div', { class: 'pad' }, form));
  section.append(fold(w.t('check.more.steps'), stepList(w, r)));
  return { section, heading };
}

// draw builds the panel of the answer; form is where keys from elsewhere are entered.
export function draw(w: Words, r: Report, o: { fileGiven: boolean; looksLikeProof: boolean; form: Node }): { section: HTMLElement; heading: HTMLHeadingElement } {
  return r.ok ? accepted(w, r, o.fileGiven, o.form) : refused(w, r, o.looksLikeProof, o.form);
}

export { panel };
