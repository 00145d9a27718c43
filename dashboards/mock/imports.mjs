// Imports, crudely: CSV with commas, the columns id, date, email by their names.
const part = (text, name) => {
  const found = text.split(/\r\n--/).find((p) => new RegExp(`form-data; name="${name}"`).test(p));
  return found?.slice(found.indexOf('\r\n\r\n') + 4);
};

export function importRoutes() {
  const imports = new Map();
  const read = (text) => {
    const settings = JSON.parse(part(text, 'settings') ?? '{}');
    const [header = '', ...rows] = (part(text, 'file') ?? '').trim().split(/\r?\n/);
    const names = header.split(',');
    const known = { id: 'event_id', date: 'event_timestamp', email: 'event_email' };
    const given = new Map((settings.plan?.columns ?? []).map((c) => [c.name, c]));
    const columns = names.map((name) => given.get(name) ?? { name, target: known[name] ?? `event_payload.${name}` });
    return { settings, rows: rows.map((r) => r.split(',')), columns };
  };
  const bad = (columns, row) => !row[columns.findIndex((c) => c.target === 'event_email')]?.includes('@');
  const preview = ({ text }) => {
    const { settings, rows, columns } = read(text);
    const when = columns.find((c) => c.target === 'event_timestamp');
    const questions = when !== undefined && when.date === undefined
      ? [{ code: 'date', column: when.name, message: 'The dates of this column can be read in several ways: say which one is meant.', choices: ['dmy', 'mdy'] }] : [];
    const refused = rows.filter((r) => bad(columns, r)).length;
    return {
      plan: { format: 'csv', encoding: 'utf-8', delimiter: ',', timezone: settings.plan?.timezone ?? 'UTC', columns }, questions, warnings: [],
      columns: columns.map((c, i) => ({ name: c.name, samples: rows.slice(0, 5).map((r) => r[i] ?? ''), filled: rows.length })),
      rows: questions.length > 0 ? 0 : rows.length, refused: questions.length > 0 ? 0 : refused, problems: [],
      events: questions.length > 0 ? [] : [Object.fromEntries(columns.map((c, i) => [c.target, rows[0]?.[i]]))],
    };
  };
  const run = ({ id, text }) => {
    const { settings, rows, columns } = read(text);
    const refused = rows.flatMap((r, i) => (bad(columns, r) ? [{ row: i + 1, text: r.join(',') }] : []));
    const now = new Date().toISOString();
    const done = {
      id: settings.id, connection_id: id, name: settings.name, state: 'done', plan: settings.plan, rows: rows.length, accepted: rows.length - refused.length,
      refused: refused.length, warnings: 0, resumed: 0, bytes: settings.size, size: settings.size, created_at: now, updated_at: now,
      samples: refused.map((r) => ({ row: r.row, message: 'event_email is not a valid address: it has no @', warning: false })),
    };
    imports.set(settings.id, { done, refused });
    return done;
  };
  const find = (id) => imports.get(id) ?? (() => { throw Object.assign(new Error('This connection has no import with this id.'), { status: 404, title: 'There is nothing here.' }); })();
  return [
    ['POST', '/connections/:id/imports/preview', preview],
    ['POST', '/connections/:id/imports', run],
    ['GET', '/connections/:id/imports', ({ id }) => ({ data: [...imports.values()].map((x) => x.done).filter((x) => x.connection_id === id), next_cursor: null })],
    ['GET', '/connections/:id/imports/:other', ({ other }) => find(other).done],
    ['GET', '/connections/:id/imports/:other/refused', ({ other, res }) => {
      res.writeHead(200, { 'Content-Type': 'text/csv' });
      res.end(`import_row,import_reason,id,date,email\n${find(other).refused.map((r) => `${r.row},event_email is not a valid address: it has no @,${r.text}\n`).join('')}`);
      return res;
    }],
    ['GET', '/connections/:id/export', ({ res }) => {
      res.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
      res.end('{"event_id":"1"}\n');
      return res;
    }],
  ];
}
