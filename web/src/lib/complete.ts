// Completion of what is typed into a search box: an ARIA combobox with a list below. Boxes are forms with data-complete, found as people
// type, so that those drawn later are served too. What is typed is posted and stands in no address. Esc is not ours: it steps away.
import { post } from './api';
import { onAway } from './away';
import { words } from './boot';
import { el } from './dom';
import { completed, tail } from './query';

interface Way { insert: string; label?: string; kind: string }

const pause = 140; // ms after the last key

export function completeBoxes(): void {
  const w = words();
  let box: HTMLInputElement | null = null;
  let list: HTMLElement | null = null;
  let ways: Way[] = [];
  let at = -1;
  let asked = 0;
  let timer = 0;

  function close(): void {
    window.clearTimeout(timer);
    asked++;
    list?.remove();
    list = null;
    ways = [];
    at = -1;
    box?.setAttribute('aria-expanded', 'false');
    box?.removeAttribute('aria-activedescendant');
  }

  function mark(next: number): void {
    at = next;
    list?.querySelectorAll('[role=option]').forEach((o, i) => {
      o.setAttribute('aria-selected', String(i === at));
      if (i === at) { o.scrollIntoView({ block: 'nearest' }); box?.setAttribute('aria-activedescendant', o.id); }
    });
    if (at < 0) box?.removeAttribute('aria-activedescendant');
  }

  function take(i: number): void {
    const way = ways[i];
    if (!way || !box) return;
    box.value = completed(box.value, way.insert);
    box.dispatchEvent(new Event('input', { bubbles: true }));
    close();
    box.focus();
  }

  function show(): void {
    list?.remove();
    list = null;
    if (!box || ways.length === 0) { box?.setAttribute('aria-expanded', 'false'); return; }
    list = el('ul', { class: 'sr-pop', role: 'listbox', id: 'sr-pop', 'aria-label': w.t('search.complete', { n: ways.length }) },
      ...ways.map((way, i) => {
        const o = el('li', { role: 'option', id: `sr-pop-${i}`, 'aria-selected': 'false' }, el('bdi', {}, way.label || way.insert), el('span', { class: 'dim' }, w.t(`search.complete.${way.kind}`)));
        // Before the box loses the focus.
        o.addEventListener('pointerdown', (e) => { e.preventDefault(); take(i); });
        return o;
      }));
    box.form?.append(list);
    box.setAttribute('aria-controls', 'sr-pop');
    box.setAttribute('aria-expanded', 'true');
    at = -1;
  }

  async function ask(query: string): Promise<void> {
    const mine = ++asked;
    try {
      const answer = await post<{ list: Way[] }>('/api/search/complete', { query });
      if (mine !== asked) return;
      ways = answer.list;
      show();
    } catch { /* without completions the box works all the same */ }
  }

  document.addEventListener('input', (e) => {
    const input = e.target as HTMLInputElement;
    if (!(input instanceof HTMLInputElement) || input.type !== 'search' || !input.closest('form[data-complete]') || !e.isTrusted) return;
    if (box !== input) { close(); box = input; box.setAttribute('role', 'combobox'); box.setAttribute('aria-autocomplete', 'list'); }
    window.clearTimeout(timer);
    const t = tail(input.value);
    if (input.selectionStart !== input.value.length || (t.length < 2 && !t.endsWith(':'))) { close(); return; }
    timer = window.setTimeout(() => void ask(input.value), pause);
  });
  document.addEventListener('keydown', (e) => {
    if (!list || e.target !== box || e.isComposing) return;
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault();
      const n = ways.length;
      mark(e.key === 'ArrowDown' ? (at + 1) % n : (at - 1 + n) % n);
    } else if ((e.key === 'Enter' || e.key === 'Tab') && at >= 0) {
      e.preventDefault();
      take(at);
    }
  });
  document.addEventListener('focusout', (e) => { if (e.target === box) close(); });
  onAway(close);
}
