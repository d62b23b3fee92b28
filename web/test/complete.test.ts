import { expect, test } from 'vitest';
import { completed, tail } from '../src/lib/query';

test('the last word is completed and nothing before it', () => {
  expect(tail('камера осеч')).toBe('осеч');
  expect(tail('(пытки -осеч')).toBe('осеч');
  expect(tail('камера ')).toBe('');
  expect(tail('person:осе')).toBe('person:осе');
  expect(completed('камера осеч', 'осечкин')).toBe('камера осечкин ');
  expect(completed('камера -осеч', 'осечкин')).toBe('камера -осечкин ');
  expect(completed('fac', 'facility:')).toBe('facility:');
  expect(completed('(a OR per', 'person:P-0203')).toBe('(a OR person:P-0203 ');
});
