// Serves the built app with the mock behind it, under the same
// Content-Security-Policy that the binary sends. PORT chooses the port; UPSTREAM
// names a running server to take the mock's place.
import { createServer, request } from 'node:http';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { createMock } from './api.mjs';

const root = new URL('../dist/app/', import.meta.url).pathname;
const port = Number(process.env.PORT ?? 4173);
const types = { '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.html': 'text/html; charset=utf-8' };
const policy = (nonce) => `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

/** Hands a request of the API on to a real server. */
function forward(req, res) {
  const onward = request(new URL(req.url, process.env.UPSTREAM), { method: req.method, headers: req.headers }, (answer) => {
    res.writeHead(answer.statusCode, answer.headers);
    answer.pipe(res);
  });
  onward.on('error', () => res.destroy());
  res.on('close', () => onward.destroy());
  req.pipe(onward);
}

const server = createServer((req, res) => {
  const origin = `http://${req.headers.host}`;
  if (process.env.UPSTREAM && /^\/(api|collector)\//.test(req.url)) return forward(req, res);
  void mock.middleware(req, res, async () => {
    const path = normalize(decodeURIComponent(new URL(req.url, origin).pathname));
    const file = extname(path) === '' ? 'index.html' : path;
    try {
      const body = await readFile(join(root, file));
      res.setHeader('Content-Type', types[extname(file)] ?? 'application/octet-stream');
      if (file !== 'index.html') return res.end(body);
      const nonce = randomBytes(16).toString('base64');
      res.setHeader('Content-Security-Policy', policy(nonce));
      return res.end(body.toString().replaceAll('__CSP_NONCE__', nonce));
    } catch {
      res.statusCode = 404;
      return res.end('not found');
    }
  });
}).listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/#key=mock-admin`));
const mock = createMock({ live: process.env.LIVE !== 'off' });
