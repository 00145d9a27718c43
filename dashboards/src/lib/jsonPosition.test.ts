import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { locate, offsetOfByte, parsePointer } from './jsonPosition';

const at = (text: string, pointer: string) => {
  const { from, to, exact } = locate(text, pointer);
  return [text.slice(from, to), exact];
};

describe('locate', () => {
  const text = '[\n  {"event_id": "a", "n": [1, {"x/y": true}]},\n  {"event_email": "b@c"}\n]';

  it('finds values', () => {
    expect(at(text, '/0/event_id')).toEqual(['"a"', true]);
    expect(at(text, '/0/n/1/x~1y')).toEqual(['true', true]);
    expect(at(text, '/1/event_email')).toEqual(['"b@c"', true]);
  });

  it('marks the container of what is missing', () => {
    expect(at(text, '/1/event_id')).toEqual(['{', false]);
    expect(at(text, '/7/event_id')).toEqual(['[', false]);
  });

  it('marks what it can read of a broken text', () => {
    expect(at('[{"a": 1, "b": tru', '/0/a')).toEqual(['1', true]);
    expect(at('[{"a" 1}]', '/0/a')[1]).toBe(false);
    expect(at('', '/0')[1]).toBe(false);
  });

  const token = (key: string) => key.replace(/~/g, '~0').replace(/\//g, '~1');

  it('finds every member of any document', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 4 }), fc.constantFrom(0, 2), (value, indent) => {
      const json = JSON.stringify(value, null, indent);
      const visit = (v: unknown, pointer: string): void => {
        const { from, to, exact } = locate(json, pointer);
        expect(exact).toBe(true);
        expect(JSON.parse(json.slice(from, to))).toEqual(JSON.parse(JSON.stringify(v)));
        if (typeof v === 'object' && v !== null) for (const [key, child] of Object.entries(v)) visit(child, `${pointer}/${token(key)}`);
      };
      visit(JSON.parse(json), '');
    }), { numRuns: 200 });
  });

  it('never fails, whatever the text', () => {
    fc.assert(fc.property(fc.string(), fc.string(), (t, pointer) => {
      const { from, to } = locate(t, `/${pointer}`);
      expect(from).toBeLessThanOrEqual(to);
      expect(to).toBeLessThanOrEqual(t.length);
    }));
  });
});

describe('offsetOfByte', () => {
  it('counts as an editor does', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (before, after) => {
      const bytes = new TextEncoder().encode(before).length;
      expect(offsetOfByte(before + after, bytes)).toBe(before.length);
    }));
  });
});

it('reads escaped pointers', () => {
  expect(parsePointer('/a~1b/~01')).toEqual(['a/b', '~1']);
  expect(parsePointer('')).toEqual([]);
});
