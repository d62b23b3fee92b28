// The check page: one file that anybody can keep, opened from a disk with the network off. What is chosen is read here and goes nowhere.
import { languages } from 'virtual:words';
import { el } from '../lib/dom';
import { Words } from '../lib/message';
import { largest } from './bundle';
import { fileDigest, type Progress } from './filehash';
import { icon, type IconName } from './icons';
import { draw, panel } from './result';
import { verify, type Options, type Report } from './verify';

const opening = '{"bundle":{';

const state: {
  lang: (typeof languages)[number]; proof: { name: string; bytes: Uint8Array | null; looksLikeProof: boolean } | null; clip: File | null; digest: { size: number; sha256: string } | null;
  keys: string; witnesses: string; quorum: string; roots: string; report: Report | null; trouble: string;
} = {
  lang: languages.find((l) => navigator.languages.some((n) => n.toLowerCase().split('-')[0] === l.code && !earlier(l.code))) ?? languages[0]!,
  proof: null, clip: null, digest: null, keys: '', witnesses: '', quorum: '', roots: '', report: null, trouble: '',
};

// earlier: the reader prefers another language of ours to this one.
function earlier(code: string): boolean {
  const first = navigator.languages.map((n) => n.toLowerCase().split('-')[0]).find((n) => languages.some((l) => l.code === n));
  return first !== code;
}

let w = new Words(state.lang.code, state.lang.messages);
const root = document.body;
const status = el('p', { role: 'status', class: 'vh' });
const bar = el('progress', { max: '1' });
const barText = el('p', {});
const answer = el('div', { id: 'result' });

const lines = (text: string) => text.split(/\s*\n\s*/).map((s) => s.trim()).filter(Boolean);

let turn = 0;
let calledOff: AbortController | null = null;

// forget takes the last answer away at once: it must never stand beside a file that it is not about.
function forget(): void {
  turn++;
  calledOff?.abort();
  state.report = null;
  state.trouble = '';
  showProgress(null);
}

// run checks what is there. A newer run makes an older one stop and say nothing.
async function run(focus: boolean): Promise<void> {
  forget();
  const mine = turn;
  const signal = (calledOff = new AbortController()).signal;
  if (!state.proof) { showAnswer(false); return; }
  try {
    if (state.clip && !state.digest) {
      status.textContent = w.t('check.reading');
      const digest = await fileDigest(state.clip, (p) => { if (mine === turn) showProgress(p); }, signal);
      if (mine !== turn) return;
      state.digest = digest;
    }
    const options: Options = { keys: lines(state.keys), witnesses: lines(state.witnesses), roots: state.roots };
    if (/^[0-9]+$/.test(state.quorum)) options.quorum = Number(state.quorum);
    if (state.digest) options.file = state.digest;
    const report = await verify(state.proof.bytes ?? new Uint8Array(0), options);
    if (mine !== turn) return;
    state.report = report;
  } catch {
    if (mine !== turn || signal.aborted) return;
    // Whatever went wrong, nothing was found out: neither yes nor no. The reason may name the file, so it is not written anywhere.
    state.trouble = state.clip && !state.digest ? 'check.trouble.file' : 'check.trouble.browser';
  }
  showAnswer(focus);
}

function showProgress(p: Progress | null): void {
  if (p) bar.value = p.size ? p.done / p.size : 1;
  else bar.removeAttribute('value');
  const late = p && p.elapsed > 2;
  barText.textContent = w.t('check.reading') + (late ? ' ' + w.t('check.rate', { rate: w.bytes(p.rate), left: w.duration(Math.ceil(p.left) * 1000) }) : '');
  bar.setAttribute('aria-label', w.t('check.reading'));
  if (!answer.contains(bar)) answer.replaceChildren(el('section', { class: 'proof' }, el('div', { class: 'pad' }, barText, bar)));
}

function keyForm(): HTMLElement {
  const field = (name: 'keys' | 'witnesses', label: string, hint: string) => {
    const t = el('textarea', { rows: '2', spellcheck: 'false', autocomplete: 'off', dir: 'ltr', name });
    t.value = state[name];
    return el('label', {}, w.t(label), el('small', {}, w.t(hint)), t);
  };
  const quorum = el('input', { type: 'number', min: '1', max: '99', name: 'quorum' });
  quorum.value = state.quorum;
  const roots = el('textarea', { rows: '2', spellcheck: 'false', autocomplete: 'off', dir: 'ltr', name: 'roots' });
  roots.value = state.roots;
  const form = el('form', { submit: (e) => {
    e.preventDefault();
    const of = (name: string) => (form.elements.namedItem(name) as HTMLInputElement).value;
    state.keys = of('keys');
    state.witnesses = of('witnesses');
    state.quorum = of('quorum');
    state.roots = of('roots');
    void run(true);
  } },
  field('keys', 'check.form.key', 'check.form.key_hint'), field('witnesses', 'check.form.witnesses', 'check.form.witnesses_hint'),
  el('label', {}, w.t('check.form.quorum'), quorum), el('label', {}, w.t('check.form.roots'), el('small', {}, w.t('check.form.roots_hint')), roots),
  el('button', { class: 'btn primary', type: 'submit' }, w.t('check.form.compare')));
  const given = !!(state.keys || state.witnesses || state.roots);
  return el('details', state.report?.given ? { open: true } : {}, el('summary', {}, w.t(given ? 'check.form.change' : 'check.form.open')), el('div', { class: 'in' }, form));
}

function showAnswer(focus: boolean): void {
  if (state.trouble) {
    const { section, heading } = panel('half', 'warn', w.t('check.trouble.title'), w.t(state.trouble));
    answer.replaceChildren(section);
    status.textContent = heading.textContent;
    if (focus) heading.focus();
    return;
  }
  if (!state.report) {
    status.textContent = '';
    answer.replaceChildren(el('section', { class: 'proof' }, el('div', { class: 'pad' }, el('h2', { class: 'what' }, w.t('check.empty.title')), el('p', { class: 'more' }, w.t('check.empty.more')))));
    return;
  }
  const { section, heading } = draw(w, state.report, { fileGiven: !!state.digest, looksLikeProof: !!state.proof?.looksLikeProof, form: keyForm() });
  answer.replaceChildren(section);
  status.textContent = heading.textContent;
  if (focus) heading.focus();
}

async function takeProof(file: File): Promise<void> {
  forget();
  const mine = turn;
  const small = file.size <= largest;
  let bytes: Uint8Array | null = null;
  try { bytes = small ? new Uint8Array(await file.arrayBuffer()) : null; } catch { if (mine !== turn) return; state.proof = null; state.trouble = 'check.trouble.file'; page(); showAnswer(true); return; }
  if (mine !== turn) return; // something else was chosen meanwhile
  state.proof = { name: file.name, bytes, looksLikeProof: !!bytes && new TextDecoder().decode(bytes.subarray(0, opening.length)) === opening };
  page();
  await run(true);
}

async function takeClip(file: File): Promise<void> {
  forget();
  state.clip = file;
  state.digest = null;
  page();
  await run(!!state.proof);
}

// take sorts what was dropped: a small file that begins like a proof is one, another is the clip.
async function take(files: File[]): Promise<void> {
  let proof: File | null = null, clip: File | null = null;
  for (const f of files.slice(0, 2)) {
    const head = f.size <= largest ? await f.slice(0, opening.length).text().catch(() => '') : '';
    if (head === opening) proof = f;
    else clip = f;
  }
  if (clip && !proof && !state.proof) { await takeProof(clip); return; }
  if (clip) { state.clip = clip; state.digest = null; }
  if (proof) await takeProof(proof);
  else if (clip) await takeClip(clip);
}

function step(n: number, name: IconName, title: string, hint: string, choose: string, chosen: { name: string; size: number | null } | null, take: (f: File) => Promise<void>): HTMLElement {
  const input = el('input', { type: 'file', 'aria-describedby': `hint-${n}`, change: (e) => { const f = (e.target as HTMLInputElement).files?.[0]; if (f) void take(f); } });
  input.id = `file-${n}`;
  input.setAttribute('aria-label', w.t(choose));
  // It looks like a button, so Enter opens it too; browsers only let the space bar do that.
  input.addEventListener('keydown', (e) => { if (e.key === 'Enter') { e.preventDefault(); input.click(); } });
  const box = el('section', { class: 'drop' }, el('h2', {}, icon(name), w.t(title)), el('p', { id: `hint-${n}` }, w.t(hint)));
  if (chosen) box.append(el('p', { class: 'chosen' }, el('span', { dir: 'auto' }, chosen.name), chosen.size === null ? '' : `, ${w.bytes(chosen.size)}`));
  box.append(el('span', { class: 'pick' }, el('span', { class: n === 1 && !chosen ? 'btn primary' : 'btn', 'aria-hidden': 'true' }, w.t(chosen ? 'check.choose.other' : choose)), input));
  box.addEventListener('dragover', (e) => { e.preventDefault(); box.classList.add('over'); });
  box.addEventListener('dragleave', () => box.classList.remove('over'));
  box.addEventListener('drop', (e) => {
    e.preventDefault();
    e.stopPropagation();
    box.classList.remove('over');
    const files = [...(e.dataTransfer?.files ?? [])];
    if (files.length === 1) void take(files[0]!);
    else if (files.length) void dropped(files);
  });
  return box;
}

const dropped = (files: File[]) => take(files);

function mark(): SVGSVGElement {
  const ns = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(ns, 'svg');
  svg.setAttribute('viewBox', '0 0 34 34');
  svg.setAttribute('aria-hidden', 'true');
  for (const [d, width] of [['M12 5H5v24h7M22 5h7v24h-7', '3'], ['M11 12h12M11 17h12M11 22h7', '2.5']] as const) {
    const path = document.createElementNS(ns, 'path');
    path.setAttribute('d', d);
    path.setAttribute('stroke-width', width);
    svg.append(path);
  }
  const dot = document.createElementNS(ns, 'circle');
  for (const [k, v] of [['cx', '23'], ['cy', '22'], ['r', '2']] as const) dot.setAttribute(k, v);
  svg.append(dot);
  return svg;
}

// page draws everything but the answer anew; what has the focus keeps it.
function page(): void {
  const focused = document.activeElement?.id;
  document.documentElement.lang = state.lang.code;
  document.documentElement.dir = state.lang.dir;
  document.title = w.t('check.title');
  const langs = el('div', { class: 'langs', role: 'group', 'aria-label': w.t('check.language') }, ...languages.map((l) => {
    const b = el('button', { type: 'button', id: `lang-${l.code}`, lang: l.code, 'aria-pressed': String(l === state.lang), click: () => { state.lang = l; w = new Words(l.code, l.messages); page(); if (state.proof && !state.report && !state.trouble) return; showAnswer(false); } }, l.name);
    return b;
  }));
  const first = step(1, 'file', 'check.one.title', 'check.one.hint', 'check.one.choose', state.proof && { name: state.proof.name, size: state.proof.bytes?.length ?? null }, takeProof);
  const second = step(2, 'film', 'check.two.title', 'check.two.hint', 'check.two.choose', state.clip && { name: state.clip.name, size: state.clip.size }, takeClip);
  root.replaceChildren(
    el('header', { class: 'head' }, el('div', { class: 'brand' }, mark(), el('span', {}, 'Zapis')), langs),
    el('main', {}, el('div', {}, el('h1', {}, w.t('check.title')), el('p', { class: 'lead' }, w.t('check.lead'))),
      el('div', { class: 'cols' }, el('div', { class: 'steps' }, first, second, el('p', { class: 'offline' }, w.t('check.offline'))), answer)),
    el('footer', { class: 'foot' }, el('p', {}, w.t('check.foot'))), status,
  );
  if (focused) document.getElementById(focused)?.focus();
}

document.addEventListener('dragover', (e) => e.preventDefault());
document.addEventListener('drop', (e) => { e.preventDefault(); const files = [...(e.dataTransfer?.files ?? [])]; if (files.length) void dropped(files); });
page();
showAnswer(false);
