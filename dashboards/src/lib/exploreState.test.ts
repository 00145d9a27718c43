import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { granularities, operators, visualisations, type Filter } from '../api/types';
import { autoGranularity, curlOf, decodeState, encodeState, fromReport, initialState, toQuery, type ExploreState } from './exploreState';

const text = fc.string({ minLength: 1, unit: 'grapheme' });
const finite = fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n));
const condition: fc.Arbitrary<Filter> = fc.record({ field: fc.string(), op: fc.constantFrom(...operators), values: fc.array(fc.oneof(fc.string(), finite, fc.boolean()), { maxLength: 3 }) });
const members = fc.array(condition, { minLength: 1, maxLength: 3 });
const filter: fc.Arbitrary<Filter> = fc.oneof(condition, members.map((and) => ({ and })), members.map((or) => ({ or: [{ and: or }] })));
const state: fc.Arbitrary<ExploreState> = fc.record({
  metrics: fc.array(text, { maxLength: 4 }),
  dimensions: fc.array(text, { maxLength: 4 }),
  filters: fc.array(filter, { maxLength: 4 }),
  connections: fc.array(fc.uuid(), { maxLength: 3 }),
  from: text, to: text,
  granularity: fc.constantFrom(...granularities, 'auto' as const, 'none' as const),
  timezone: fc.string(),
  compare: fc.constantFrom('none' as const, 'previous_period' as const),
  visualization: fc.constantFrom(...visualisations),
  steps: fc.array(text, { maxLength: 4 }),
  window: text,
});

describe('the address of Explore', () => {
  it('gives back every state that was put into it', () => {
    fc.assert(fc.property(state, (s) => {
      expect(decodeState(new URLSearchParams(encodeState(s).toString()))).toEqual(s);
    }));
  });

  it('is empty for the initial state', () => {
    expect(encodeState(initialState).toString()).toBe('');
  });

  it('survives any other address', () => {
    fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom('m', 'd', 'f', 'c', 'g', 'v', 'cmp', 'tz', 'x'), fc.string())), (pairs) => {
      const decoded = decodeState(new URLSearchParams(pairs));
      expect(decodeState(encodeState(decoded))).toEqual(decoded);
    }));
  });

  it('ignores filters that are not what they should be', () => {
    const params = new URLSearchParams();
    for (const bad of ['', '[', '{}', '["a"]', '["a","drop table"]', '[1,"eq"]', '{"and":[]}', '{"or":[{"field":1}]}']) params.append('f', bad);
    params.append('f', '["a","eq",{"b":1},"c"]');
    expect(decodeState(params).filters).toEqual([{ field: 'a', op: 'eq', values: ['c'] }]);
  });
});

describe('the question that Explore asks', () => {
  const now = new Date('2026-01-31T12:00:00Z');

  it('has buckets of time for a line', () => {
    expect(toQuery({ ...initialState, dimensions: ['country'] }, 'Europe/Berlin', now)).toEqual({
      metrics: ['count'], dimensions: ['country'], time: { from: '-30d', to: 'now', granularity: 'day', timezone: 'Europe/Berlin' }, limit: 10_000, fill: true,
    });
  });

  it('has the largest first for bars by name', () => {
    const query = toQuery({ ...initialState, visualization: 'bar', metrics: ['sum(revenue)'], dimensions: ['country'] }, 'UTC', now);
    expect(query?.time.granularity).toBeUndefined();
    expect(query?.order).toEqual([{ by: 'sum(revenue)', dir: 'desc' }]);
  });

  it('has neither buckets nor groups for a number', () => {
    const query = toQuery({ ...initialState, visualization: 'number', granularity: 'hour', dimensions: ['country'] }, 'UTC', now);
    expect(query?.time).toEqual({ from: '-30d', to: 'now', timezone: 'UTC' });
    expect(query?.dimensions).toBeUndefined();
  });

  it('is missing without a metric', () => {
    expect(toQuery({ ...initialState, metrics: [] }, 'UTC', now)).toBeNull();
  });

  it('is explored further from a saved report', () => {
    const query = toQuery({ ...initialState, dimensions: ['country'], compare: 'previous_period', timezone: 'Asia/Tokyo' }, 'UTC', now);
    if (query === null) throw new Error('no question');
    const again = toQuery(fromReport({ slug: 'x', title: 'x', kind: 'report', query }), 'UTC', now);
    expect(again).toEqual(query);
  });

  it.each([
    ['-1h', 'now', 'minute'], ['-24h', 'now', 'hour'], ['-30d', 'now', 'day'], ['-365d', 'now', 'week'],
    ['2020-01-01', '2025-01-01', 'month'], ['2015-01-01', '2026-01-01', 'year'], ['nonsense', 'now', 'day'],
  ])('from %s to %s falls into buckets of a %s', (from, to, granularity) => {
    expect(autoGranularity(from, to, now)).toBe(granularity);
  });
});

describe('the copied API call', () => {
  it('keeps quotes from ending the shell word', () => {
    expect(curlOf('https://t.example', '/api', { a: "it's" })).toContain(String.raw`"it'\''s"`);
  });
});
