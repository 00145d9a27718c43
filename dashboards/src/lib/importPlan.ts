/** What people do with an import's mapping, apart from how it looks. */
import type { ImportColumn, ImportPlan, ImportQuestion, ImportStatus } from '../api/imports';

export const fieldTargets = [
  { value: 'event_id', label: 'event_id' },
  { value: 'event_timestamp', label: 'event_timestamp' },
  { value: 'event_email', label: 'event_email' },
  { value: 'event_adb_cdt', label: 'event_adb_cdt' },
  { value: 'event_payload', label: 'event_payload, all of it' },
  { value: 'member', label: 'event_payload, as …' },
  { value: '-', label: 'Leave out' },
] as const;

export const dateForms = [
  { value: 'iso', label: 'ISO 8601: 2025-12-08 15:21' }, { value: 'dmy', label: 'Day first: 8.12.2025, 08/12/2025' },
  { value: 'mdy', label: 'Month first: 12/8/2025' }, { value: 'ymd', label: 'Year first: 2025/12/8' },
  { value: 'named', label: 'Named month: 8 Dec 2025' }, { value: 'excel', label: 'Serial number: 45999.64' },
  { value: 'unix_s', label: 'Unix time, seconds' }, { value: 'unix_ms', label: 'Unix time, milliseconds' },
];

export const textTypes = [
  { value: 'string', label: 'Text' }, { value: 'number', label: 'Number, 1234.56' }, { value: 'number_comma', label: 'Number, 1.234,56' },
  { value: 'boolean', label: 'true or false' }, { value: 'json', label: 'JSON' },
];

export const encodings = ['utf-8', 'windows-1252', 'iso-8859-1', 'utf-16le', 'utf-16be'];
export const delimiters = [{ value: ',', label: 'Comma' }, { value: ';', label: 'Semicolon' }, { value: '\t', label: 'Tab' }, { value: '|', label: 'Bar' }];

const prefix = 'event_payload.';

/** A column's name as a path of one key: a dot in it belongs to the key. */
export function keyPath(name: string): string {
  if (name === '') return '""';
  const escaped = name.replaceAll('\\', '\\\\').replaceAll('.', '\\.');
  return escaped.startsWith('"') ? `\\${escaped}` : escaped;
}

export function kindOf(target: string): string {
  return target.startsWith(prefix) ? 'member' : target;
}

export function memberOf(target: string): string {
  return target.startsWith(prefix) ? target.slice(prefix.length) : '';
}

/** Sends a column somewhere; whoever had the place before goes into the payload. */
export function retarget(columns: ImportColumn[], name: string, kind: string, member?: string): ImportColumn[] {
  const target = kind === 'member' ? prefix + (member ?? keyPath(name)) : kind;
  return columns.map((c) => {
    if (c.name === name) return { name, target }; // type and form of dates are guessed anew
    const taken = c.target === target && kind !== '-' && kind !== 'member';
    return taken ? { name: c.name, target: prefix + keyPath(c.name) } : c;
  });
}

export function change(columns: ImportColumn[], name: string, part: Partial<ImportColumn>): ImportColumn[] {
  return columns.map((c) => (c.name === name ? { ...c, ...part } : c));
}

/** The plan once a question is answered with one of its choices. */
export function answer(plan: ImportPlan & { columns: ImportColumn[] }, question: ImportQuestion, choice: string[]): ImportPlan {
  const [first = ''] = choice;
  switch (question.code) {
    case 'encoding': return { ...plan, encoding: first };
    case 'date': return { ...plan, columns: change(plan.columns, question.column ?? '', { date: first }) };
    case 'id': return { ...plan, id_from: choice };
    case 'timestamp': return { ...plan, columns: retarget(plan.columns, first, 'event_timestamp') };
    case 'email': return { ...plan, columns: retarget(plan.columns, first, 'event_email') };
  }
}

/** 128 bits of a text, well mixed. Not for secrets. */
function hash(text: string): string {
  const seeds = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef];
  return seeds.map((seed) => {
    let h = seed ^ text.length;
    for (let i = 0; i < text.length; i++) {
      h = Math.imul(h ^ text.charCodeAt(i), 0x5bd1e995);
      h ^= h >>> 13;
    }
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    return ((h ^ (h >>> 13)) >>> 0).toString(16).padStart(8, '0');
  }).join('');
}

/** The id of a file with its plan: the same file goes on where it was cut off. */
export function importId(connection: string, file: { name: string; size: number; lastModified: number }, start: string, plan: ImportPlan): string {
  const h = hash(JSON.stringify([connection, file.name, file.size, file.lastModified, start, plan]));
  return `${h.slice(0, 8)}-${h.slice(8, 12)}-8${h.slice(13, 16)}-a${h.slice(17, 20)}-${h.slice(20, 32)}`;
}

/** From 0 to 1; a file whose size is not known counts as begun. */
export function share(status: Pick<ImportStatus, 'bytes' | 'size' | 'state'>): number {
  if (status.state === 'done') return 1;
  return status.size > 0 ? Math.min(1, status.bytes / status.size) : 0;
}

/** Rows a second and seconds left, from two looks at an import. */
export function pace(began: { at: number; rows: number; bytes: number }, now: { at: number; rows: number; bytes: number }, size: number): { rate: number; left: number | null } {
  const seconds = (now.at - began.at) / 1000;
  if (seconds < 0.5) return { rate: 0, left: null };
  const speed = (now.bytes - began.bytes) / seconds;
  return { rate: (now.rows - began.rows) / seconds, left: speed > 0 && size > 0 ? Math.max(0, (size - now.bytes) / speed) : null };
}
