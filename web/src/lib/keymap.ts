// Keys follow the place of the key when the layout is not Latin: with a Russian layout event.key for K is "л", and the
// comma key gives "б". On a Latin layout they follow what is printed on the key, so that AZERTY and Dvorak work too.

export type Press = Pick<KeyboardEvent, 'key' | 'code' | 'shiftKey' | 'ctrlKey' | 'altKey' | 'metaKey'>;

const named: Record<string, string> = {
  Escape: 'Escape', Enter: 'Enter', ' ': 'Space', ArrowLeft: 'ArrowLeft', ArrowRight: 'ArrowRight', ArrowUp: 'ArrowUp', ArrowDown: 'ArrowDown',
  Home: 'Home', End: 'End', PageUp: 'PageUp', PageDown: 'PageDown',
};

const byCode: Record<string, string> = {
  Comma: ',', Period: '.', Slash: '/', Minus: '-', Equal: '+', BracketLeft: '[', BracketRight: ']', NumpadAdd: '+', NumpadSubtract: '-',
};

const isLatin = (c: string) => /^[a-z]$/i.test(c);
const isLetter = (c: string) => /^\p{L}$/u.test(c);

// Layout remembers whether the last letter typed came from a Latin layout: punctuation alone does not tell.
export class Layout {
  #latin = true;

  // name gives the name of a key press: "K" and "Shift+S" for letters, "," "." "/" "?" "-" "+" for signs, "Space", "Enter" and
  // so on. It is empty for anything with Ctrl, Alt or Meta, which belong to the browser and to assistive programs.
  name(e: Press): string {
    if (e.ctrlKey || e.altKey || e.metaKey) return '';
    const plain = named[e.key];
    if (plain) return plain;
    const physical = /^Key([A-Z])$/.exec(e.code)?.[1];
    if (isLatin(e.key)) this.#latin = true;
    else if (isLetter(e.key)) this.#latin = false;
    if (isLatin(e.key)) return (e.shiftKey ? 'Shift+' : '') + e.key.toUpperCase();
    if (physical && isLetter(e.key)) return (e.shiftKey ? 'Shift+' : '') + physical;
    if (e.key === '?') return '?';
    const sign = byCode[e.code];
    if (!this.#latin || isLetter(e.key)) {
      if (sign === '/' && e.shiftKey) return '?';
      if (sign) return sign;
    }
    if (e.key === '=') return '+';
    if (e.key === '_') return '-';
    if (e.key === '<') return ',';
    if (e.key === '>') return '.';
    return e.key.length === 1 ? e.key : '';
  }
}

// typing says whether a key press belongs to a field in which text is written.
export function typing(target: EventTarget | null): boolean {
  const el = target as HTMLElement | null;
  if (!el || typeof el.closest !== 'function') return false;
  if (el.isContentEditable) return true;
  const field = el.closest('input, textarea, select');
  return !!field && !['checkbox', 'radio', 'button', 'submit', 'range'].includes((field as HTMLInputElement).type);
}

const store = 'zapis.keys';

// keysOn says whether this person uses single keys (WCAG 2.1.4). Esc works in any case.
export function keysOn(): boolean {
  try { return localStorage.getItem(store) !== 'off'; } catch { return true; }
}

export function setKeys(on: boolean): void {
  try { if (on) localStorage.removeItem(store); else localStorage.setItem(store, 'off'); } catch { /* private window: only for this page */ }
}
