import { describe, expect, it } from 'vitest';
import { createEventParser, type ServerEvent } from '../api/http';
import { takeKeyFromAddress } from '../app/session';
import { merge, readMessage, type FeedItem } from '../pages/connections/useLive';
import { marks } from '../pages/connections/Replay';
import { drillQuery } from '../pages/explore/DrillDown';
import { isComplete, readValue } from '../ui/FilterEditor';
import { compareCells } from '../ui/DataTable';
import { hourlyCounts } from './activity';
import { move, readyBoard } from './boards';
import { canDefine, fieldPath, guessName, guessType } from './fieldGuess';
import { change, formatBytes, formatDuration, formatRelative, humanise, slugify } from './format';
import { languages, snippet } from './snippets';
import { loadHistory, remember } from './sqlHistory';

describe('event stream', () => {
  const read = (chunks: string[]) => {
    const messages: ServerEvent[] = [];
    const parse = createEventParser((m) => messages.push(m));
    chunks.forEach(parse);
    return messages;
  };

  it('joins lines, skips comments, and does not care where chunks end', () => {
    const text = ': hello\n\nevent: request\ndata: {"a":\ndata: 1}\n\nevent: event\r\ndata: x\r\n\r\ndata: plain\n\n';
    const expected = [{ event: 'request', data: '{"a":\n1}' }, { event: 'event', data: 'x' }, { event: 'message', data: 'plain' }];
    expect(read([text])).toEqual(expected);
    expect(read(Array.from({ length: text.length }, (_, i) => text.charAt(i)))).toEqual(expected);
  });

  it('keeps what is not finished', () => {
    expect(read(['data: a\n'])).toEqual([]);
  });
});

describe('the live feed', () => {
  const item = (key: string, at: string): FeedItem => ({ kind: 'event', key, at, fresh: true, event: { event_id: key, event_timestamp: at } });

  it('has the newest first and each once', () => {
    const merged = merge([item('a', '2026-01-01T00:00:01Z')], [item('b', '2026-01-01T00:00:02Z'), item('a', '2026-01-01T00:00:01Z')]);
    expect(merged.map((i) => i.key)).toEqual(['b', 'a']);
  });

  it('shows refused requests and leaves accepted ones out', () => {
    const request = (outcome: string) => readMessage({ event: 'request', data: JSON.stringify({ id: '1', received_at: '2026-01-01T00:00:00Z', outcome }) });
    expect(request('accepted')).toBeNull();
    expect(request('refused')?.kind).toBe('refused');
  });
});

describe('marks of a refusal', () => {
  it('stand at the values, and at the object that lacks one', () => {
    const text = '[{"event_email": "x"}]';
    const found = marks(text, { title: 't', status: 422, errors: [
      { pointer: '/0/event_email', field: 'event_email', message: 'must be valid' }, { pointer: '/0/event_id', field: 'event_id', message: 'is required' },
    ] });
    expect(found.map((m) => [text.slice(m.from, m.to), m.message])).toEqual([['"x"', 'event_email: must be valid'], ['{', 'event_id is not there: is required']]);
  });

  it('stand at the byte that could not be read', () => {
    expect(marks('["ä" x]', { title: 't', status: 400, offset: 6 })[0]).toMatchObject({ from: 5, to: 6 });
  });
});

describe('drilling down', () => {
  const time = { from: '-30d', to: 'now', timezone: 'UTC' };

  it('asks for the bucket and the group that were clicked', () => {
    expect(drillQuery({ query: { metrics: ['count'], dimensions: ['country'], time: { ...time, granularity: 'day' } }, key: '2026-01-01', nextKey: '2026-01-02', group: ['DE'] }))
      .toEqual({ time: { from: '2026-01-01', to: '2026-01-02', timezone: 'UTC' }, filters: [{ field: 'country', op: 'eq', values: ['DE'] }], connections: [] });
  });

  it('asks for events without the field where the value is missing', () => {
    expect(drillQuery({ query: { metrics: ['count'], dimensions: ['country'], time }, key: null, nextKey: undefined, group: [] }).filters).toEqual([{ field: 'country', op: 'is_not_set', values: [] }]);
  });
});

it('takes the key out of the address', () => {
  const calls: string[] = [];
  const history = { state: null, replaceState: (_s: unknown, _t: string, url: string) => calls.push(url) } as unknown as History;
  const at = (hash: string) => ({ hash, pathname: '/p', search: '?a=1' }) as Location;
  expect(takeKeyFromAddress(at('#key=abc'), history)).toBe('abc');
  expect(takeKeyFromAddress(at('#key=abc&x=1'), history)).toBe('abc');
  expect(takeKeyFromAddress(at('#x=1'), history)).toBeNull();
  expect(calls).toEqual(['/p?a=1', '/p?a=1#x=1']);
});

it('counts the last hours', () => {
  const report = { columns: [{ name: 'time', type: '' }, { name: 'connection_id', type: '' }, { name: 'count', type: '' }], meta: {}, rows: [
    ['2026-01-01T10:00:00Z', 'a', 3], ['2026-01-01T12:00:00Z', 'a', 5], ['2026-01-01T12:00:00Z', 'b', 7], ['2025-12-01T12:00:00Z', 'a', 9],
  ] };
  expect(hourlyCounts(report, 'a', new Date('2026-01-01T12:30:00Z'), 4)).toEqual([0, 3, 0, 5]);
  expect(hourlyCounts(undefined, 'a', new Date(), 2)).toEqual([0, 0]);
});

describe('fields are guessed', () => {
  it('by name', () => {
    expect(guessName('customer.countryCode', new Set())).toBe('country_code');
    expect(guessName('customer.country', new Set(['country']))).toBe('customer_country');
    expect(guessName('country', new Set(['country']))).toBe('country_2');
    expect(guessName('2fa', new Set())).toBe('f_2fa');
  });

  it('by what was seen', () => {
    const type = (name: string, sample = '', path = 'x') => guessType({ path, types: { [name]: 1, null: 5 }, sample });
    expect([type('integer'), type('number'), type('boolean'), type('string', '"99.90"'), type('string', '2026-01-01T10:00:00Z'), type('string', '12345'), type('array', '[1,2]'), type('array', '["a"]'), type('integer', '1', 'tags[]'), type('number', '1', 'items[].price')])
      .toEqual(['number', 'number', 'boolean', 'number', 'datetime', 'string', 'number[]', 'string[]', 'number[]', 'number']);
    expect(fieldPath('tags[]')).toBe('tags');
    expect(canDefine({ types: { object: 3, null: 1 } })).toBe(false);
  });
});

it('reads filter values as the field has them', () => {
  expect([readValue('1', 'number'), readValue('1', 'string'), readValue('', 'number'), readValue('true', 'boolean')]).toEqual([1, '1', '', true]);
  expect(isComplete({ field: 'a', op: 'between', values: [1] })).toBe(false);
  expect(isComplete({ field: 'a', op: 'is_set', values: [] })).toBe(true);
  expect(isComplete({ field: '', op: 'eq', values: [1] })).toBe(false);
});

it('sorts nothing to the end and numbers by size', () => {
  expect([10, null, 9, 2].toSorted(compareCells)).toEqual([2, 9, 10, null]);
});

it('moves panels', () => {
  expect(move(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
  expect(move(['a', 'b'], 0, 5)).toEqual(['a', 'b']);
});

it('has a picture for a connection without any definition', () => {
  const connection = { id: '0f8b6c11-1', name: 'X', event_source: 's', event_object: 'o', allow_anonymous: false, status: 'connected' as const, webhook_url: null, created_at: '', events_received: 1, last_event_at: null };
  const bare = readyBoard(connection, [], [], 'UTC', '-30d');
  expect(bare.map((p) => p.report.visualization)).toEqual(['number', 'number', 'line', 'table']);
  const more = readyBoard(connection, [{ name: 'revenue', path: 'revenue', type: 'number', connection_ids: [connection.id] }, { name: 'other', path: 'x', type: 'number', connection_ids: ['else'] }], [], 'UTC', '-30d');
  expect(more.flatMap((p) => p.report.query.metrics)).toContain('sum(revenue)');
  expect(more.flatMap((p) => p.report.query.metrics)).not.toContain('sum(other)');
  expect(new Set(more.map((p) => p.panel.report)).size).toBe(more.length);
});

it('carries the real address in every language', () => {
  for (const language of languages) expect(snippet(language, 'https://t.example/collector/webhook_event/abc')).toContain('https://t.example/collector/webhook_event/abc');
});

it('formats for people', () => {
  const now = new Date('2026-01-01T12:00:00Z');
  expect(formatRelative(new Date('2026-01-01T11:59:57Z'), now)).toBe('just now');
  expect(formatRelative(new Date('2026-01-01T11:00:00Z'), now)).toBe('1 hour ago');
  expect([formatDuration(0.4), formatDuration(600), formatDuration(3599.9), formatDuration(90_000)]).toEqual(['400 ms', '10 min', '1 h', '1 d 1 h']);
  expect([formatBytes(0), formatBytes(1500), formatBytes(61e9)]).toEqual(['0 B', '1.5 kB', '61 GB']);
  expect([change(3, 2), change(1, 0), change(0, 0)]).toEqual([0.5, null, 0]);
  expect(slugify('Bezahlte Aufträge (EUR)')).toBe('bezahlte-auftrage-eur');
  expect(humanise('new_leads')).toBe('New leads');
});

it('keeps a history of statements without repeating them', () => {
  const ran = (query: string) => ({ query, at: 'x', ok: true });
  expect(remember([ran('a'), ran('b')], ran('b ')).map((h) => h.query)).toEqual(['b ', 'a']);
  expect(loadHistory({ getItem: () => '{"not":"a list"}' })).toEqual([]);
  expect(loadHistory({ getItem: () => 'broken' })).toEqual([]);
});
