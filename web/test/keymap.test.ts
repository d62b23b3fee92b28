import { describe, expect, it } from 'vitest';
import { Layout, type Press } from '../src/lib/keymap';

const press = (key: string, code: string, more: Partial<Press> = {}): Press => ({ key, code, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...more });

describe('keys', () => {
  it.each<[string, Press, string]>([
    ['Latin', press('k', 'KeyK'), 'K'],
    ['Latin capital', press('S', 'KeyS', { shiftKey: true }), 'Shift+S'],
    ['Russian', press('л', 'KeyK'), 'K'],
    ['Ukrainian with shift', press('І', 'KeyS', { shiftKey: true }), 'Shift+S'],
    ['Arabic', press('ن', 'KeyK'), 'K'],
    ['Dvorak follows what is printed', press('k', 'KeyV'), 'K'],
    ['AZERTY follows what is printed', press('w', 'KeyZ'), 'W'],
    ['comma', press(',', 'Comma'), ','],
    ['comma key, Russian', press('б', 'Comma'), ','],
    ['full stop key, Russian', press('ю', 'Period'), '.'],
    ['bracket key, Russian', press('х', 'BracketLeft'), '['],
    ['question mark', press('?', 'Slash', { shiftKey: true }), '?'],
    ['question mark elsewhere', press('?', 'Digit7', { shiftKey: true }), '?'],
    ['space', press(' ', 'Space'), 'Space'],
    ['arrow', press('ArrowLeft', 'ArrowLeft'), 'ArrowLeft'],
    ['plus without shift', press('=', 'Equal'), '+'],
    ['browser shortcut', press('k', 'KeyK', { ctrlKey: true }), ''],
    ['Meta', press('k', 'KeyK', { metaKey: true }), ''],
    ['dead key', press('Dead', 'BracketLeft'), ''],
  ])('%s', (_, e, want) => expect(new Layout().name(e)).toBe(want));

  it('remembers a layout that is not Latin, for the signs', () => {
    const l = new Layout();
    expect(l.name(press('.', 'Slash'))).toBe('.');
    l.name(press('л', 'KeyK'));
    expect(l.name(press('.', 'Slash'))).toBe('/');
    expect(l.name(press(',', 'Slash', { shiftKey: true }))).toBe('?');
    l.name(press('k', 'KeyK'));
    expect(l.name(press('.', 'Period'))).toBe('.');
  });
});
