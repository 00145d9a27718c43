// A real SQL client as the analyst: the client that ClickHouse itself gives to Node.js,
// over the embedded engine's SQL port.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { createClient } from '@clickhouse/client';
import { call, post, target, unique } from './browser.mjs';

const server = target();
const url = process.env.TRIBUTARY_SQL_URL;
const options = { url, username: 'analyst', password: process.env.TRIBUTARY_ANALYST_PASSWORD };

// A process of its own, so that it can be killed in the middle of a result.
const endless = `
import { createClient } from '@clickhouse/client';
const client = createClient(${JSON.stringify(options)});
const rows = await client.query({ query: 'SELECT number, randomPrintableASCII(200) FROM numbers(100000000)', format: 'JSONEachRow' });
let told = false;
for await (const chunk of rows.stream()) {
  if (!told) console.log(chunk.length);
  told = true;
}`;

describe('the analyst with @clickhouse/client', () => {
  const client = createClient(options);
  const name = `Client ${unique()}`;
  const field = `paid_${unique()}`;
  let connection;

  before(async () => {
    connection = await call(server, 'POST', '/api/v1/connections', { name, event_source: 'Stripe', event_object: 'Payment' });
    await call(server, 'PUT', `/api/v1/fields/${field}`, { path: 'amount', type: 'number', connection_ids: [connection.id] });
    const event = (id, amount) => ({ event_id: id, event_timestamp: '2025-12-08T15:21:11.804Z', event_email: 'ada@example.com', event_payload: { amount } });
    for (const events of [[event('a', '99.50'), event('b', 0.5)], [event('a', 10), event('c', 'a lot')]]) {
      assert.equal((await post(server, connection.webhook_url, events)).status, 201);
    }
  });
  after(() => client.close());

  async function rows(query, parameters = {}) {
    const answer = await client.query({ query, query_params: parameters, format: 'JSONEachRow' });
    return answer.json();
  }

  async function view() {
    const [found] = await rows('SELECT name FROM system.tables WHERE comment LIKE {comment:String} AND database = currentDatabase()', { comment: `%${connection.id}%` });
    return found?.name;
  }

  test('reads typed columns of the connection\'s own view', async () => {
    let table;
    const there = async () => {
      table ??= await view();
      return table !== undefined && Number((await rows('SELECT count() AS n FROM {table:Identifier}', { table }))[0].n) === 3;
    };
    for (const end = Date.now() + 15_000; !(await there()); await new Promise((go) => { setTimeout(go, 100); })) {
      assert.ok(Date.now() < end, `the view ${table} does not show the three events`);
    }
    const query = 'SELECT event_id, {column:Identifier} AS amount, toTypeName(amount) AS type FROM {table:Identifier} ORDER BY event_id';
    assert.deepEqual(await rows(query, { table, column: field }), [
      { event_id: 'a', amount: 10, type: 'Nullable(Float64)' },
      { event_id: 'b', amount: 0.5, type: 'Nullable(Float64)' },
      { event_id: 'c', amount: null, type: 'Nullable(Float64)' },
    ]);
  });

  test('changes nothing', async () => {
    await assert.rejects(client.insert({ table: 'events', values: [{ event_id: 'x' }], format: 'JSONEachRow' }));
    await assert.rejects(client.command({ query: 'DROP VIEW events' }));
  });

  test('the engine outlives a client that is killed in the middle of a result', async () => {
    const { engine: before } = await call(server, 'GET', '/api/v1/status');
    const killed = spawn(process.execPath, ['--input-type=module', '--eval', endless], { cwd: new URL('..', import.meta.url), stdio: ['ignore', 'pipe', 'inherit'] });
    await once(killed.stdout, 'data');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    assert.deepEqual(await rows('SELECT 1 AS one'), [{ one: 1 }]);
    const { engine: now } = await call(server, 'GET', '/api/v1/status');
    assert.equal(now.state, 'ok');
    assert.equal(now.restarts ?? 0, before.restarts ?? 0);
  });
});
