import { describe, expect, it } from 'vitest';
// @ts-expect-error plain script without types
import { findings } from '../script/lint-css.mjs';

describe('the style lint', () => {
  it.each(['a { left: 0 }', 'a { margin-left: 1px }', 'a{width:3px}', 'a { max-height : 2px; }', 'a { text-align: right }', 'a { inset: 0 1px }', 'a { border-top-left-radius: 2px }', 'a { top:0 }'])('refuses %s', (css) => expect(findings(css)).not.toEqual([]));
  it.each(['a { inset-inline-start: 0 }', 'a { margin-block: 1px }', 'a { inset: 0; inline-size: 3px }', '@media (max-width: 3px) { a { color: red } }', '/* left: 0 */', 'a { border-width: 1px; border-inline-start: 0 }', 'a { text-align: start }'])('lets %s pass', (css) => expect(findings(css)).toEqual([]));
});
