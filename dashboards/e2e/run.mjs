// Runs a command beside a server of its own: the real binary with its embedded engine,
// in a temporary folder, with made-up data in it.
//   node e2e/run.mjs node --test e2e/*.test.mjs
// The command finds it in TRIBUTARY_URL and TRIBUTARY_ADMIN_KEY, its SQL port in
// TRIBUTARY_SQL_URL and TRIBUTARY_ANALYST_PASSWORD. TRIBUTARY_BINARY names another binary
// than ../bin/tributary.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { seed } from './seed.mjs';

const patience = 180_000; // the first start fetches the engine

/** A port that nobody listens on. */
async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}

/** Starts the server and returns its base address, the administrator's key and stop. */
async function start() {
  const binary = process.env.TRIBUTARY_BINARY ?? new URL('../../bin/tributary', import.meta.url).pathname;
  await access(binary).catch(() => { throw new Error(`${binary} is not there: "make build" makes it`); });
  const folder = await mkdtemp(join(tmpdir(), 'tributary-'));
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TRIBUTARY_')));
  const child = spawn(binary, ['serve', '--listen', '127.0.0.1:0', '--embedded-http-port', String(await freePort()), '--embedded-memory', '2GB', '--data', join(folder, 'data')], {
    env: environment, stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit');
  let log = '';
  child.stderr.on('data', (chunk) => { log = (log + chunk).slice(-20_000); });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const address = (async () => {
    let app = null;
    for await (const line of createInterface(child.stdout)) {
      app ??= /Web app\s+(http:\S+)\/#key=(\S+)/.exec(line);
      const sql = /SQL\s+(http:\S+)\s+user analyst, password (\S+)/.exec(line);
      if (app !== null && sql !== null) {
        child.stdout.resume();
        return { base: app[1], key: app[2], sql: sql[1], password: sql[2] };
      }
    }
    throw new Error(`the server ended, or has no web app in it:\n${log}`);
  })();
  const tooLong = new Promise((_, reject) => { setTimeout(() => reject(new Error(`the server did not start:\n${log}`)), patience).unref(); });
  try {
    const found = await Promise.race([address, tooLong]);
    while (!(await fetch(`${found.base}/readyz`)).ok) await new Promise((go) => { setTimeout(go, 50); });
    return { ...found, stop, log: () => log };
  } catch (error) {
    await stop();
    throw error;
  }
}

const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  console.error((await readFile(new URL(import.meta.url), 'utf8')).split('\n').filter((line) => line.startsWith('//')).join('\n'));
  process.exit(2);
}
const server = await start();
console.log(`${server.base}/#key=${server.key}`);
let code = 1;
try {
  await seed(server);
  const command = spawn(program, args, { stdio: 'inherit', env: {
    ...process.env, TRIBUTARY_URL: server.base, TRIBUTARY_ADMIN_KEY: server.key,
    TRIBUTARY_SQL_URL: server.sql, TRIBUTARY_ANALYST_PASSWORD: server.password,
  } });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => command.kill(signal));
  [code] = await once(command, 'exit');
} finally {
  await server.stop();
  const wrong = server.log().split('\n').filter((line) => line.includes('"level":"ERROR"'));
  if (wrong.length > 0) {
    console.error(`the server logged errors:\n${wrong.join('\n')}`);
    code ||= 1;
  }
}
process.exitCode = code ?? 1;
