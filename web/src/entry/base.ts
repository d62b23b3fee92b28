// On every page: step away, the key list, and going from place to place by keys. Plain script without a framework, because
// covering the screen must not wait for anything.
import { awayEvent, backEvent } from '../lib/away';
import { words } from '../lib/boot';
import { completeBoxes } from '../lib/complete';
import { el, icon } from '../lib/dom';
import { keysOn, Layout, setKeys, typing } from '../lib/keymap';

const w = words();
const root = document.documentElement;
const layout = new Layout();
const stored = 'zapis.away';
root.classList.add('script');

// ---- step away

let away: HTMLDialogElement | null = null;
let ticking = 0;
let title = '';
let focused: Element | null = null;

// On a telephone the rail is a strip that is wider than the screen.
document.querySelector('.rail a.on')?.scrollIntoView({ block: 'nearest', inline: 'center' });

function quiet(): void {
  for (const m of document.querySelectorAll<HTMLMediaElement>('video, audio')) {
    m.pause();
    m.muted = true;
  }
}

function remember(on: boolean): void {
  try { if (on) sessionStorage.setItem(stored, '1'); else sessionStorage.removeItem(stored); } catch { /* a reload then comes back uncovered of this page, but covered as every page is */ }
}

function stepAway(): void {
  if (away?.open) return;
  root.classList.add('is-away'); // covers before anything else happens
  quiet();
  document.dispatchEvent(new CustomEvent(awayEvent));
  if (document.fullscreenElement) void document.exitFullscreen();
  for (const d of document.querySelectorAll<HTMLDialogElement>('dialog[open]')) d.close();
  focused = document.activeElement;
  title = document.title;
  document.title = 'Zapis';
  remember(true);

  const time = el('p', { class: 'time' });
  const tick = () => { time.textContent = new Date().toLocaleTimeString(w.lang, { hour: '2-digit', minute: '2-digit' }); };
  tick();
  ticking = window.setInterval(tick, 5000);
  const back = el('button', { type: 'button', class: 'btn primary', click: comeBack }, w.t('away.back'));
  const out = el('form', { method: 'post', action: '/sign-out' }, el('button', { class: 'btn quiet' }, w.t('away.sign_out')));
  out.addEventListener('submit', () => remember(false));
  away = el('dialog', { class: 'away', 'aria-labelledby': 'away-title', cancel: (e) => e.preventDefault() },
    el('div', { class: 'calm' }, time, el('h2', { id: 'away-title' }, w.t('away.title')), el('p', {}, w.t('away.text')), el('p', {}, w.t('away.idea')),
      el('p', {}, back), el('p', { class: 'dim' }, w.t('away.hint')), ...(signedIn() ? [out] : [])));
  // The dialog must never go away by itself: if something else closes it, we come back on purpose only.
  away.addEventListener('close', () => { if (root.classList.contains('is-away')) away?.showModal(); });
  document.body.append(away);
  away.showModal();
  back.focus();
}

function signedIn(): boolean { return !!document.querySelector('nav.rail'); }

function comeBack(): void {
  if (!away) return;
  window.clearInterval(ticking);
  remember(false);
  root.classList.remove('is-away');
  const d = away;
  away = null;
  d.close();
  d.remove();
  document.title = title;
  if (focused instanceof HTMLElement && focused.isConnected) focused.focus();
  document.dispatchEvent(new CustomEvent(backEvent));
}

// ---- the key list

type Keys = [string[], string][];
const everywhere: Keys = [[['Esc'], 'keys.away'], [['?'], 'keys.all'], [['/'], 'keys.search'], [['H'], 'keys.go']];
const inArchive: Keys = [[['←', '→', '↑', '↓'], 'keys.move'], [['Space'], 'keys.peek'], [['Enter'], 'keys.open'], [['U'], 'keys.look'], [['D'], 'keys.date'], [['W'], 'keys.aside']];
const atItem: Keys = [[['U'], 'keys.look'], [['K'], 'keys.play'], [['J', 'L'], 'keys.seek'], [[',', '.'], 'keys.frame'], [['S', 'Shift S'], 'keys.scene'],
  [['G'], 'keys.grey'], [['B'], 'keys.blur'], [['M'], 'keys.sound'], [['-', '+'], 'keys.size'], [['Shift ,', 'Shift .'], 'keys.speed'], [['W'], 'keys.aside'],
  [['E'], 'keys.mark'], [['I', 'O'], 'keys.inout'], [['Shift I', 'Shift O'], 'keys.edge'], [['[', ']'], 'keys.nudge'], [['R'], 'keys.region'], [['↵'], 'keys.write'], [['Del'], 'keys.delete'],
  [['Z', 'Shift Z'], 'keys.undo']];

function showKeys(): void {
  const set = (name: string, keys: Keys) => el('section', {}, el('h3', { class: 'cap' }, w.t(name)),
    el('dl', {}, ...keys.flatMap(([k, what]) => [el('dt', {}, ...k.map((x) => el('kbd', {}, x))), el('dd', {}, w.t(what))])));
  const on = el('input', { type: 'checkbox' });
  on.checked = keysOn();
  const note = el('p', { class: 'dim', role: 'status' });
  const say = () => { note.textContent = on.checked ? '' : w.t('keys.off_note'); };
  on.addEventListener('change', () => { setKeys(on.checked); mirror(); say(); });
  say();
  const close = el('button', { type: 'button', class: 'btn sm', click: () => d.close() }, icon('close'), w.t('keys.close'));
  const d = el('dialog', { class: 'keys', 'aria-labelledby': 'keys-title' },
    el('header', {}, el('h2', { id: 'keys-title' }, w.t('keys.title')), close), el('p', { class: 'mut' }, w.t('keys.text')),
    el('label', { class: 'check' }, on, w.t('keys.on')), note,
    el('div', { class: 'sets' }, set('keys.everywhere', everywhere), set('keys.archive', inArchive), set('keys.item', atItem)));
  d.addEventListener('close', () => d.remove());
  document.body.append(d);
  d.showModal();
  close.focus();
}

function mirror(): void {
  for (const box of document.querySelectorAll<HTMLInputElement>('[data-keys-on]')) box.checked = keysOn();
}

// ---- listening

const go: Record<string, string> = { A: '/archive', C: '/accessions', J: '/jobs', T: '/health' };
let goUntil = 0;

// First in line and in the capture phase: nothing on a page may swallow this key.
window.addEventListener('keydown', (e) => {
  if (e.key !== 'Escape' || e.isComposing) return;
  e.preventDefault();
  e.stopImmediatePropagation();
  if (e.repeat) return; // a key held down must not open what it has just covered
  if (away) comeBack(); else stepAway();
}, { capture: true });

window.addEventListener('keydown', (e) => {
  if (away) { if (e.key !== 'Tab' && e.key !== 'Enter' && e.key !== ' ') e.stopImmediatePropagation(); return; }
  if (e.defaultPrevented || typing(e.target) || !keysOn() || document.querySelector('dialog[open]')) return;
  const name = layout.name(e);
  if (name === '?') { e.preventDefault(); showKeys(); return; }
  if (name === '/' && signedIn() && !document.getElementById('q')) {
    e.preventDefault();
    const box = document.querySelector<HTMLInputElement>('form[data-complete] input[type=search]');
    if (box?.offsetParent) box.focus(); else location.assign('/search');
    return;
  }
  if (e.timeStamp < goUntil && go[name]) { e.preventDefault(); e.stopImmediatePropagation(); goUntil = 0; location.assign(go[name]!); return; }
  goUntil = name === 'H' ? e.timeStamp + 1500 : 0;
}, { capture: true });

document.addEventListener('click', (e) => {
  const at = e.target as Element | null;
  if (at?.closest('[data-away]')) { e.preventDefault(); stepAway(); }
  if (at?.closest('[data-keys]')) showKeys();
});
document.addEventListener('change', (e) => {
  const box = (e.target as Element | null)?.closest<HTMLInputElement>('[data-keys-on]');
  if (box) setKeys(box.checked);
});

mirror();
completeBoxes();
try { if (sessionStorage.getItem(stored) && signedIn()) stepAway(); } catch { /* no storage, nothing to come back to */ }
