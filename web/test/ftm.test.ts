import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';

// What leaves the catalogue as FollowTheMoney, held against the model itself. The samples are written by the tests of internal/knowledge/exchange,
// which fail when they are not what leaves.
type Property = { type: string; range?: string; stub?: boolean };
type Schema = { schemata: string[]; abstract?: boolean; required?: string[]; edge?: { source: string; target: string }; properties: Record<string, Property> };
type Model = { schemata: Record<string, Schema>; types: Record<string, { maxLength?: number; values?: Record<string, string> }> };
type Entity = { id: string; schema: string; properties: Record<string, string[]> };
type Said = { types: Record<string, string>; ranges: Record<string, string>; are: Record<string, string[] | null>; languages: string[]; longest: Record<string, number>; countries: string[] };

const { defaultModel } = createRequire(import.meta.url)('@opensanctions/followthemoney') as { defaultModel: Model };
const sample = (name: string) => readFileSync(new URL(`../../internal/knowledge/exchange/testdata/model/${name}`, import.meta.url), 'utf8');
const said = JSON.parse(sample('said.json')) as Said;
const entities = sample('export.ftm.jsonl').trim().split('\n').map((line) => JSON.parse(line) as Entity);
const byID = new Map(entities.map((e) => [e.id, e]));

const schemaOf = (name: string): Schema => {
  const s = defaultModel.schemata[name];
  if (!s) throw new Error(`there is no schema ${name}`);
  return s;
};
const propertyOf = (schema: string, name: string): Property | undefined => {
  for (const s of schemaOf(schema).schemata) {
    const p = schemaOf(s).properties[name];
    if (p) return p;
  }
  return undefined;
};
const values = (type: string) => Object.keys(defaultModel.types[type]?.values ?? {});
const date = /^\d{4}(-\d{2}(-\d{2}(T\d{2}(:\d{2}(:\d{2})?)?)?)?)?$/;

describe('what leaves as FollowTheMoney', () => {
  it('has schemata that things can be of, and what they must have', () => {
    expect(entities.length).toBeGreaterThan(30);
    for (const e of entities) {
      const s = schemaOf(e.schema);
      expect(s.abstract ?? false, e.schema).toBe(false);
      if ((s.required ?? []).includes('name') && (e.schema === 'Event' || e.schema === 'Asset')) expect(e.properties.name, e.schema).toHaveLength(1);
    }
  });

  it('has properties that their schemata have, and not the other ends of those of others', () => {
    for (const e of entities) for (const name of Object.keys(e.properties)) {
      const p = propertyOf(e.schema, name);
      expect(p, `${e.schema}:${name}`).toBeDefined();
      expect(p?.stub ?? false, `${e.schema}:${name}`).toBe(false);
    }
  });

  it('has values of the types that the model says', () => {
    let looked = 0;
    for (const e of entities) for (const [name, list] of Object.entries(e.properties)) {
      const p = propertyOf(e.schema, name);
      if (!p) continue;
      expect(said.types[name] ?? 'text', `${e.schema}:${name}`).toBe(p.type);
      for (const v of list) {
        looked++;
        const what = `${e.schema}:${name} ${v.slice(0, 40)}`;
        expect([...v].length, what).toBeLessThanOrEqual(p.type === 'entity' ? 200 : (defaultModel.types[p.type]?.maxLength ?? Infinity));
        if (p.type === 'date') expect(v, what).toMatch(date);
        if (p.type === 'url') expect(() => new URL(v), what).not.toThrow();
        if (['country', 'language', 'gender', 'topic'].includes(p.type)) expect(values(p.type), what).toContain(v);
        if (p.type === 'entity') {
          const to = byID.get(v);
          expect(to, what).toBeDefined();
          expect(schemaOf(to?.schema ?? '').schemata, what).toContain(p.range ?? 'Thing');
        }
      }
    }
    expect(looked).toBeGreaterThan(100);
  });

  it('has edges whose two ends are where the model has them', () => {
    for (const e of entities) {
      const edge = schemaOf(e.schema).edge;
      if (!edge || Object.keys(e.properties).length === 0) continue;
      expect(Object.keys(e.properties), e.schema).toEqual(expect.arrayContaining([edge.source, edge.target].filter((end) => e.properties[end])));
      expect(e.properties[edge.source] ?? e.properties[edge.target], `${e.schema} without an end`).toBeDefined();
    }
  });
});

describe('what we say of FollowTheMoney', () => {
  it('is what the model says of ranges, inheritance and lengths', () => {
    for (const [schema, are] of Object.entries(said.are)) {
      for (const other of are ?? []) expect(schemaOf(schema).schemata, schema).toContain(other);
      for (const other of new Set(Object.values(said.ranges))) {
        if (other !== schema && schemaOf(schema).schemata.includes(other)) expect(are ?? [], schema).toContain(other);
      }
    }
    for (const [name, range] of Object.entries(said.ranges)) {
      const found = entities.filter((e) => e.properties[name]).map((e) => propertyOf(e.schema, name));
      expect(found.length, name).toBeGreaterThan(0);
      for (const p of found) expect(p?.range ?? 'Thing', name).toBe(range);
    }
    for (const [type, most] of Object.entries(said.longest)) expect(most, type).toBeLessThanOrEqual(defaultModel.types[type || 'text']?.maxLength ?? 0);
  });

  it('names only countries and languages that are known there', () => {
    expect(said.countries.length).toBeGreaterThan(190);
    expect(said.countries.filter((c) => !values('country').includes(c))).toEqual([]);
    expect(said.languages.filter((l) => !values('language').includes(l))).toEqual([]);
  });
});
