// Writes a .br and a .gz beside every text file of the built app, so that the
// server never compresses anything while it answers, and prints the sizes.
import { readdir, readFile, writeFile, stat } from 'node:fs/promises';
import { join, extname, relative } from 'node:path';
import { brotliCompressSync, gzipSync, constants } from 'node:zlib';

const root = new URL('../dist/app/', import.meta.url).pathname;
const compressible = new Set(['.js', '.css', '.svg', '.json', '.html', '.txt']);
// index.html gets a nonce in every answer and is therefore sent as it is.
const dynamic = new Set(['index.html']);

const rows = [];
for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  const name = relative(root, path);
  if (!entry.isFile() || !compressible.has(extname(name)) || dynamic.has(name)) continue;
  const raw = await readFile(path);
  const brotli = brotliCompressSync(raw, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: raw.length,
    },
  });
  const gzip = gzipSync(raw, { level: 9 });
  if (brotli.length < raw.length) await writeFile(`${path}.br`, brotli);
  if (gzip.length < raw.length) await writeFile(`${path}.gz`, gzip);
  rows.push({ name, raw: raw.length, gzip: gzip.length, brotli: brotli.length });
}

// What a first visit loads: everything that index.html names.
const html = await readFile(join(root, 'index.html'), 'utf8');
const first = rows.filter((row) => html.includes(`/${row.name}"`));
const sum = (list, key) => list.reduce((total, row) => total + row[key], 0);
const kb = (bytes) => `${(bytes / 1024).toFixed(1)} kB`;
console.log(`first load: ${kb(sum(first, 'brotli') + (await stat(join(root, 'index.html'))).size)} brotli, ` +
  `${kb(sum(first, 'gzip'))} gzip, ${kb(sum(first, 'raw'))} raw in ${first.length + 1} files; ` +
  `the whole app: ${kb(sum(rows, 'brotli'))} brotli in ${rows.length} files`);
