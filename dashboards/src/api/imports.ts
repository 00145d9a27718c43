/** Imports and exports: their shapes and calls. Property names are the API's. */
import { send, sendJson } from './http';
import type { JsonObject } from './types';

export type ImportFormat = 'csv' | 'ndjson' | 'parquet';
export type ImportState = 'running' | 'done' | 'failed' | 'interrupted';

export interface ImportColumn {
  name: string;
  /** event_id, …, event_payload, event_payload.PATH, or - for nowhere. */
  target: string;
  type?: string;
  date?: string;
}

export interface ImportPlan {
  format?: ImportFormat | '';
  encoding?: string;
  delimiter?: string;
  no_header?: boolean;
  timezone?: string;
  columns?: ImportColumn[] | null;
  id_from?: string[];
  undo_formulas?: boolean;
}

export interface ImportQuestion {
  code: 'id' | 'timestamp' | 'email' | 'date' | 'encoding';
  column?: string;
  message: string;
  choices?: string[];
}

export interface ImportSample {
  row: number;
  message: string;
  warning: boolean;
}

export interface ImportPreview {
  plan: ImportPlan & { columns: ImportColumn[] };
  questions: ImportQuestion[];
  warnings: string[];
  columns: { name: string; samples: string[]; filled: number }[];
  rows: number;
  refused: number;
  total_rows?: number;
  events: JsonObject[];
  problems: ImportSample[];
}

export interface ImportStatus {
  id: string;
  name: string;
  state: ImportState;
  message?: string;
  plan: ImportPlan;
  rows: number;
  accepted: number;
  refused: number;
  warnings: number;
  resumed: number;
  bytes: number;
  size: number;
  samples: ImportSample[];
  updated_at: string;
}

/** What a preview is sent of a file. */
const headBytes = 4 << 20;
const tailBytes = 16 << 20;

const base = (connection: string) => `/api/v1/connections/${encodeURIComponent(connection)}`;

async function previewForm(file: File, plan: ImportPlan): Promise<FormData> {
  const form = new FormData();
  const head = file.slice(0, headBytes);
  const whole = file.size <= headBytes;
  form.set('settings', JSON.stringify({ name: file.name, size: file.size, plan, whole }));
  if (!whole && (await file.slice(0, 4).text()) === 'PAR1') form.set('tail', file.slice(Math.max(0, file.size - tailBytes)));
  form.set('file', head, file.name);
  return form;
}

function importForm(file: File, plan: ImportPlan, id: string): FormData {
  const form = new FormData();
  form.set('settings', JSON.stringify({ id, name: file.name, size: file.size, plan }));
  form.set('file', file);
  return form;
}

export const importCalls = {
  preview: async (connection: string, file: File, plan: ImportPlan, signal?: AbortSignal) =>
    sendJson<ImportPreview>(`${base(connection)}/imports/preview`, { method: 'POST', form: await previewForm(file, plan), signal }),
  /** Answers once the file is sent; how far it is meanwhile says get. */
  run: (connection: string, file: File, plan: ImportPlan, id: string, signal?: AbortSignal) =>
    sendJson<ImportStatus>(`${base(connection)}/imports`, { method: 'POST', form: importForm(file, plan, id), signal }),
  get: (connection: string, id: string, signal?: AbortSignal) => sendJson<ImportStatus>(`${base(connection)}/imports/${id}`, { signal }),
  list: async (connection: string, signal?: AbortSignal) =>
    (await sendJson<{ data: ImportStatus[] }>(`${base(connection)}/imports`, { signal })).data,
  refused: async (connection: string, id: string) => (await send(`${base(connection)}/imports/${id}/refused`)).blob(),
  export: (connection: string, format: ImportFormat) => send(`${base(connection)}/export?format=${format}`, { accept: '*/*' }),
};
