// Messages: text with {name} and {n, plural, one{…} other{…}} in it, # for the number. The same small grammar as the
// pages use (internal/web/locale); a test keeps the two equal by formatting the real catalogues.

type Node = string | { name: string } | { name: string; forms: Record<string, Node[]> } | { number: true };

export type Values = Record<string, string | number>;

function parse(text: string, from: number, inPlural: boolean): [Node[], number] {
  const out: Node[] = [];
  let literal = '';
  const flush = () => { if (literal) out.push(literal); literal = ''; };
  let i = from;
  while (i < text.length) {
    const c = text[i]!;
    if (c === '}') break;
    if (c === '#' && inPlural) { flush(); out.push({ number: true }); i++; continue; }
    if (c !== '{') { literal += c; i++; continue; }
    flush();
    const end = text.slice(i + 1).search(/[,}]/);
    if (end < 0) throw new Error('a brace is not closed');
    const name = text.slice(i + 1, i + 1 + end).trim();
    i += end + 2;
    if (text[i - 1] === '}') { out.push({ name }); continue; }
    const head = /^\s*plural\s*,/.exec(text.slice(i));
    if (!head) throw new Error('only plural is known');
    i += head[0].length;
    const forms: Record<string, Node[]> = {};
    for (;;) {
      const form = /^\s*(\w+)\s*\{/.exec(text.slice(i));
      if (!form) break;
      const [nodes, at] = parse(text, i + form[0].length, true);
      if (text[at] !== '}') throw new Error('a plural form is not closed');
      forms[form[1]!] = nodes;
      i = at + 1;
    }
    const close = /^\s*\}/.exec(text.slice(i));
    if (!close) throw new Error('a plural is not closed');
    i += close[0].length;
    out.push({ name, forms });
  }
  flush();
  return [out, i];
}

// Words formats messages of one language.
export class Words {
  readonly #parsed = new Map<string, Node[]>();
  readonly #plural: Intl.PluralRules;
  readonly #number: Intl.NumberFormat;

  constructor(readonly lang: string, readonly messages: Record<string, string>) {
    this.#plural = new Intl.PluralRules(lang);
    this.#number = new Intl.NumberFormat(lang);
  }

  has(key: string): boolean { return key in this.messages; }

  // t writes the message under key; a key that is not there is written as itself, so that nothing is hidden.
  t(key: string, values: Values = {}): string {
    let nodes = this.#parsed.get(key);
    if (!nodes) {
      const text = this.messages[key];
      if (text === undefined) return key;
      nodes = parse(text, 0, false)[0];
      this.#parsed.set(key, nodes);
    }
    return this.#write(nodes, values, 0);
  }

  #write(nodes: Node[], values: Values, count: number): string {
    let out = '';
    for (const n of nodes) {
      if (typeof n === 'string') out += n;
      else if ('number' in n) out += this.num(count);
      else {
        const v = values[n.name];
        if ('forms' in n) {
          const c = Number(v);
          out += this.#write(n.forms[this.#plural.select(c)] ?? n.forms['other'] ?? [], values, c);
        } else out += typeof v === 'number' ? this.num(v) : (v ?? `{${n.name}}`);
      }
    }
    return out;
  }

  num(n: number): string { return this.#number.format(n); }

  #unit(n: string, u: string): string { return `${n}\u00a0${this.t(`unit.${u}`)}`; }

  // bytes writes a size in decimal units.
  bytes(n: number): string {
    let unit = 'b';
    for (const u of ['kb', 'mb', 'gb', 'tb']) {
      if (n < 1000) break;
      unit = u;
      n /= 1000;
    }
    const digits = unit === 'b' || n >= 100 ? 0 : 1;
    return this.#unit(new Intl.NumberFormat(this.lang, { maximumFractionDigits: digits, useGrouping: false }).format(n), unit);
  }

  // duration writes milliseconds in their two largest units: 46 min 10 s, 151 h 20 min.
  duration(ms: number): string {
    if (ms > 0 && ms < 10_000) return this.#unit(new Intl.NumberFormat(this.lang, { maximumFractionDigits: 1 }).format(ms / 1000), 's');
    const s = Math.round(ms / 1000);
    const two = (a: number, ua: string, b: number, ub: string) => this.#unit(this.num(a), ua) + (b ? ' ' + this.#unit(this.num(b), ub) : '');
    if (s < 60) return this.#unit(this.num(s), 's');
    if (s < 3600) return two(Math.floor(s / 60), 'min', s % 60, 's');
    if (s < 86_400 * 4) return two(Math.floor(s / 3600), 'h', Math.floor(s / 60) % 60, 'min');
    return this.#unit(this.num(Math.floor(s / 3600)), 'h');
  }

  // day writes 2020-07-27 in words; style "month" only month and year.
  day(day: string, style: 'long' | 'short' | 'month' = 'long'): string {
    const at = new Date(day + 'T00:00:00Z');
    if (Number.isNaN(at.getTime())) return day;
    const write = (o: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(this.lang === 'en' ? 'en-GB' : this.lang, { ...o, timeZone: 'UTC' }).format(at);
    // Month and year side by side: the full form adds a word for "year" in some languages, and the rail has no room for it.
    if (style === 'month') return `${write({ month: 'short' })} ${day.slice(0, 4)}`;
    return write(style === 'long' ? { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' } : { day: 'numeric', month: 'short', year: 'numeric' });
  }

  // datetime writes a moment to the second, in coordinated universal time and saying so.
  datetime(iso: string): string {
    const at = new Date(iso);
    if (Number.isNaN(at.getTime())) return iso;
    return this.day(at.toISOString().slice(0, 10), 'short') + ', ' + at.toISOString().slice(11, 19) + '\u00a0UTC';
  }
}

// clock writes milliseconds as a player does: 46:10, 1:02:03; with frames 00:14:22:08.
export function clock(ms: number): string {
  const s = Math.round(ms / 1000);
  const two = (n: number) => String(n).padStart(2, '0');
  return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${two(Math.floor(s / 60))}:${two(s % 60)}`;
}

// timecode writes a frame number as hours:minutes:seconds:frames at a frame rate, counting whole seconds of real time.
export function timecode(frame: number, fps: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const s = Math.floor((frame + 1e-6) / fps);
  const first = Math.ceil(s * fps - 1e-6);
  return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}:${two(frame - first)}`;
}

// shortID keeps the ends of a digest or an identifier.
export function shortID(s: string): string { return s.length <= 12 ? s : s.slice(0, 4) + '…' + s.slice(-4); }
