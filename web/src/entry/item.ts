// The player and the lanes of one item.
import { mount } from 'svelte';
import Item from '../item/Item.svelte';
import Notes from '../item/Notes.svelte';
import { boot } from '../item/words';

const target = document.querySelector('zapis-item');
if (target && boot) mount(Item, { target });
const notes = document.querySelector('zapis-notes');
if (notes && boot) mount(Notes, { target: notes });

// The panel beside the player: without script its parts stand one below the other.
const tabs = [...document.querySelectorAll<HTMLButtonElement>('.panel-tabs [role="tab"]')];
function open(tab: HTMLButtonElement): void {
  for (const t of tabs) {
    const on = t === tab;
    t.setAttribute('aria-selected', String(on));
    t.tabIndex = on ? 0 : -1;
    const panel = document.getElementById(t.getAttribute('aria-controls') ?? '');
    if (panel) panel.hidden = !on;
  }
}
tabs.forEach((t, i) => {
  t.addEventListener('click', () => open(t));
  t.addEventListener('keydown', (e) => {
    const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: tabs.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    e.stopPropagation();
    const next = tabs[(to + tabs.length) % tabs.length]!;
    open(next);
    next.focus();
  });
});
const wanted = tabs.find((t) => location.hash === `#${t.getAttribute('aria-controls')}`) ?? tabs[0];
if (wanted) open(wanted);
window.addEventListener('hashchange', () => { const t = tabs.find((x) => location.hash === `#${x.getAttribute('aria-controls')}`); if (t) open(t); });
document.addEventListener('zapis:write', () => { const t = tabs.find((x) => x.getAttribute('aria-controls') === 'p-notes'); if (t) open(t); });
