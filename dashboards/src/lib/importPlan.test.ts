import { describe, expect, test } from 'vitest';
import { answer, importId, keyPath, kindOf, memberOf, pace, retarget, share } from './importPlan';

const columns = [
  { name: 'id', target: 'event_id' },
  { name: 'when', target: 'event_payload.when', type: 'string' },
  { name: 'a.b', target: 'event_payload.a.b', type: 'number' },
];

describe('a mapping', () => {
  test('a field has one column', () => {
    expect(retarget(columns, 'when', 'event_id')).toEqual([
      { name: 'id', target: 'event_payload.id' }, { name: 'when', target: 'event_id' }, columns[2],
    ]);
  });

  test('many columns may be left out', () => {
    const once = retarget(columns, 'id', '-');
    expect(retarget(once, 'when', '-').map((c) => c.target)).toEqual(['-', '-', 'event_payload.a.b']);
  });

  test('a member has the column’s name, or another', () => {
    expect(retarget(columns, 'a.b', 'member')[2]).toEqual({ name: 'a.b', target: 'event_payload.a\\.b' });
    expect(retarget(columns, 'a.b', 'member', 'x.y')[2]).toEqual({ name: 'a.b', target: 'event_payload.x.y' });
    expect([keyPath(''), keyPath('a\\b'), keyPath('"x')]).toEqual(['""', 'a\\\\b', '\\"x']);
    expect([kindOf('event_payload.a'), kindOf('event_payload'), memberOf('event_payload.a.b'), memberOf('-')]).toEqual(['member', 'event_payload', 'a.b', '']);
  });

  test('questions are answered in the plan', () => {
    const plan = { format: 'csv' as const, columns };
    const ask = (code: 'id' | 'date' | 'email' | 'timestamp' | 'encoding', choice: string[], column?: string) =>
      answer(plan, { code, message: '', ...(column === undefined ? {} : { column }) }, choice);
    expect(ask('encoding', ['windows-1252']).encoding).toBe('windows-1252');
    expect(ask('id', ['when', 'a.b']).id_from).toEqual(['when', 'a.b']);
    expect(ask('date', ['dmy'], 'when').columns?.[1]).toEqual({ name: 'when', target: 'event_payload.when', type: 'string', date: 'dmy' });
    expect(ask('timestamp', ['when']).columns?.[1]).toEqual({ name: 'when', target: 'event_timestamp' });
    expect(ask('email', ['when']).columns?.[1]).toEqual({ name: 'when', target: 'event_email' });
  });
});

describe('an import', () => {
  const file = { name: 'a.csv', size: 10, lastModified: 5 };

  test('has the same id for the same file and plan alone', () => {
    const id = importId('c', file, 'start', { columns });
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(importId('c', { ...file }, 'start', { columns: [...columns] })).toBe(id);
    const others = [
      importId('d', file, 'start', { columns }), importId('c', { ...file, size: 11 }, 'start', { columns }),
      importId('c', { ...file, lastModified: 6 }, 'start', { columns }), importId('c', file, 'Start', { columns }), importId('c', file, 'start', {}),
    ];
    expect(new Set([id, ...others]).size).toBe(6);
  });

  test('says how far it is', () => {
    expect(share({ state: 'running', bytes: 5, size: 10 })).toBe(0.5);
    expect(share({ state: 'running', bytes: 5, size: 0 })).toBe(0);
    expect(share({ state: 'done', bytes: 5, size: 0 })).toBe(1);
    expect(pace({ at: 0, rows: 100, bytes: 1000 }, { at: 2000, rows: 300, bytes: 2000 }, 5000)).toEqual({ rate: 100, left: 6 });
    expect(pace({ at: 0, rows: 0, bytes: 0 }, { at: 100, rows: 300, bytes: 2000 }, 5000)).toEqual({ rate: 0, left: null });
  });
});
