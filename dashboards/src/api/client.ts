/** Every call of the API that the app makes, typed. */
import { normalise } from '../lib/filters';
import { importCalls } from './imports';
import { ApiError, UnreachableError, send, sendJson, stream, type ServerEvent } from './http';
import type {
  ApiKey, Connection, ConnectionPatch, ConversionDefinition, ConversionPreview, Dashboard, ErasureReceipt,
  FieldDefinition, FieldPreview, FunnelQuery, IngestResult, Me, NewApiKey, NewConnection, NewShare,
  Page, Problem, ReportQuery, ReportResult, RequestRecord, Role, SavedReport, SeenField, Share, SqlSchema, Status,
  StoredEvent,
} from './types';

const v1 = '/api/v1';
const part = encodeURIComponent;

/** Calls that take a signal stop when the answer is no longer wanted. */
type Signal = AbortSignal | undefined;

function query(params: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined && value !== '') search.set(name, String(value));
  }
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

async function all<T>(path: string, signal: Signal): Promise<T[]> {
  const rows: T[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<T> = await sendJson(path + query({ limit: 500, cursor }), { signal });
    rows.push(...page.data);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && cursor !== '');
  return rows;
}

async function nothing(path: string, method: 'DELETE' | 'POST' | 'PUT', body?: unknown): Promise<void> {
  await send(path, { method, body });
}

/** A report saved without the app may leave its range open; the app shows a year of it. */
function complete(report: SavedReport): SavedReport {
  const range = { from: '-365d', to: 'now' };
  return report.kind === 'funnel'
    ? { ...report, query: { ...report.query, time: { ...range, ...report.query.time } } }
    : { ...report, query: { ...report.query, time: { ...range, ...report.query.time } } };
}

/** The part of a webhook address that is the same wherever the app is served from. */
export function webhookPath(webhookUrl: string): string {
  return new URL(webhookUrl, window.location.origin).pathname;
}

export const api = {
  me: (signal?: Signal) => sendJson<Me>(`${v1}/me`, { signal }),
  status: (signal?: Signal) => sendJson<Status>(`${v1}/status`, { signal }),

  connections: {
    list: (signal?: Signal) => all<Connection>(`${v1}/connections`, signal),
    get: (id: string, signal?: Signal) => sendJson<Connection>(`${v1}/connections/${part(id)}`, { signal }),
    create: (body: NewConnection) => sendJson<Connection>(`${v1}/connections`, { method: 'POST', body }),
    patch: (id: string, body: ConnectionPatch) =>
      sendJson<Connection>(`${v1}/connections/${part(id)}`, { method: 'PATCH', body }),
    rotate: (id: string, grace: string) =>
      sendJson<Connection>(`${v1}/connections/${part(id)}/rotate`, { method: 'POST', body: { grace } }),
    remove: (id: string) => nothing(`${v1}/connections/${part(id)}`, 'DELETE'),
    events: (id: string, limit: number, signal?: Signal) =>
      sendJson<Page<StoredEvent>>(`${v1}/connections/${part(id)}/events${query({ limit })}`, { signal }),
    requests: (id: string, limit: number, signal?: Signal) =>
      sendJson<Page<RequestRecord>>(`${v1}/connections/${part(id)}/requests${query({ limit })}`, { signal }),
    /** One request with what was kept of its body, which lists leave out. */
    request: (id: string, request: string, signal?: Signal) =>
      sendJson<RequestRecord>(`${v1}/connections/${part(id)}/requests/${part(request)}`, { signal }),
    stream: (id: string, signal: AbortSignal, onOpen: () => void, onMessage: (message: ServerEvent) => void) =>
      stream(`${v1}/connections/${part(id)}/stream`, signal, onOpen, onMessage),
    seenFields: (id: string, signal?: Signal) => all<SeenField>(`${v1}/connections/${part(id)}/fields`, signal),
  },

  imports: importCalls,

  fields: {
    list: (signal?: Signal) => all<FieldDefinition>(`${v1}/fields`, signal),
    put: ({ name, ...body }: FieldDefinition) =>
      sendJson<FieldDefinition>(`${v1}/fields/${part(name)}`, { method: 'PUT', body }),
    remove: (name: string) => nothing(`${v1}/fields/${part(name)}`, 'DELETE'),
    preview: (body: Pick<FieldDefinition, 'path' | 'type' | 'connection_ids'>, signal?: Signal) =>
      sendJson<FieldPreview>(`${v1}/fields/preview`, { method: 'POST', body, signal }),
  },

  conversions: {
    list: async (signal?: Signal) => (await all<ConversionDefinition>(`${v1}/conversions`, signal)).map((c) => ({ ...c, filters: normalise(c.filters) })),
    put: ({ name, ...body }: ConversionDefinition) =>
      sendJson<ConversionDefinition>(`${v1}/conversions/${part(name)}`, { method: 'PUT', body }),
    remove: (name: string) => nothing(`${v1}/conversions/${part(name)}`, 'DELETE'),
    /** How many events of the last 30 days it would count: a report, asked before it has a name. */
    preview: async (draft: Pick<ConversionDefinition, 'connection_ids' | 'filters' | 'value_field'>, signal?: Signal): Promise<ConversionPreview> => {
      const ask = async (filters: ConversionDefinition['filters'], metrics: string[]) => {
        const body: ReportQuery = { metrics, filters, connections: draft.connection_ids ?? [], time: { from: '-30d', to: 'now' } };
        return (await sendJson<ReportResult>(`${v1}/reports/query`, { method: 'POST', body, signal })).rows[0] ?? [];
      };
      const [everything, counted] = await Promise.all([
        ask([], ['count']),
        ask(draft.filters, ['count', ...(draft.value_field === undefined ? [] : [`sum(${draft.value_field})`])]),
      ]);
      const number = (cell: unknown) => (typeof cell === 'number' ? cell : null);
      return { events: number(everything[0]) ?? 0, matched: number(counted[0]) ?? 0, value: number(counted[1]) };
    },
  },

  reports: {
    query: (body: ReportQuery, signal?: Signal) =>
      sendJson<ReportResult>(`${v1}/reports/query`, { method: 'POST', body, signal }),
    csv: async (body: ReportQuery) =>
      (await send(`${v1}/reports/query`, { method: 'POST', body, accept: 'text/csv' })).blob(),
    /** The events behind a report, newest first. */
    events: (body: Pick<ReportQuery, 'time' | 'filters' | 'connections'> & { limit: number }, signal?: Signal) =>
      sendJson<Page<StoredEvent>>(`${v1}/reports/events`, { method: 'POST', body, signal }),
    /** The statement for an SQL client that gives the same rows. */
    sql: (body: ReportQuery, signal?: Signal) =>
      sendJson<{ sql: string }>(`${v1}/reports/sql`, { method: 'POST', body, signal }),
    funnel: (body: FunnelQuery, signal?: Signal) =>
      sendJson<ReportResult>(`${v1}/reports/funnel`, { method: 'POST', body, signal }),
    list: async (signal?: Signal) => (await all<SavedReport>(`${v1}/reports`, signal)).map(complete),
    put: ({ slug, ...body }: SavedReport) =>
      sendJson<SavedReport>(`${v1}/reports/${part(slug)}`, { method: 'PUT', body }),
    remove: (slug: string) => nothing(`${v1}/reports/${part(slug)}`, 'DELETE'),
    data: (slug: string, range: { from?: string; to?: string; timezone?: string }, signal?: Signal) =>
      sendJson<ReportResult>(`${v1}/reports/${part(slug)}/data${query(range)}`, { signal }),
  },

  dashboards: {
    list: (signal?: Signal) => all<Dashboard>(`${v1}/dashboards`, signal),
    get: async (slug: string, signal?: Signal): Promise<Dashboard> => {
      const dashboard = await sendJson<Dashboard>(`${v1}/dashboards/${part(slug)}`, { signal });
      return { ...dashboard, reports: (dashboard.reports ?? []).map(complete) };
    },
    put: ({ slug, name, description, panels }: Dashboard) =>
      sendJson<Dashboard>(`${v1}/dashboards/${part(slug)}`, { method: 'PUT', body: { name, description, panels } }),
    remove: (slug: string) => nothing(`${v1}/dashboards/${part(slug)}`, 'DELETE'),
    shares: (slug: string, signal?: Signal) =>
      sendJson<Page<Share>>(`${v1}/dashboards/${part(slug)}/shares`, { signal }),
    share: (slug: string, body: { name?: string; expires_in?: string }) =>
      sendJson<NewShare>(`${v1}/dashboards/${part(slug)}/shares`, { method: 'POST', body }),
    unshare: (slug: string, id: string) => nothing(`${v1}/dashboards/${part(slug)}/shares/${part(id)}`, 'DELETE'),
  },

  sql: {
    run: (body: { query: string; params?: Record<string, string> }, signal?: Signal) =>
      sendJson<ReportResult>(`${v1}/sql`, { method: 'POST', body, signal }),
    schema: (signal?: Signal) => sendJson<SqlSchema>(`${v1}/sql/schema`, { signal }),
  },

  people: {
    events: (email: string, cursor?: string, signal?: Signal) =>
      sendJson<Page<StoredEvent>>(`${v1}/people/${part(email)}/events${query({ limit: 100, cursor })}`, { signal }),
    erase: (email: string) => sendJson<ErasureReceipt>(`${v1}/people/${part(email)}`, { method: 'DELETE' }),
  },

  keys: {
    list: (signal?: Signal) => all<ApiKey>(`${v1}/keys`, signal),
    create: (body: { name: string; role: Role }) => sendJson<NewApiKey>(`${v1}/keys`, { method: 'POST', body }),
    remove: (id: string) => nothing(`${v1}/keys/${part(id)}`, 'DELETE'),
  },

  /**
   * Posts a body to a connection's webhook as any producer would, without the key.
   * A refusal is an answer here, not an error.
   */
  async ingest(webhookUrl: string, body: string): Promise<{ ok: true; result: IngestResult } | { ok: false; problem: Problem }> {
    let response: Response;
    try {
      response = await fetch(webhookPath(webhookUrl), {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body, credentials: 'omit',
      });
    } catch {
      throw new UnreachableError();
    }
    const answer: unknown = await response.json().catch(() => ({}));
    if (response.ok) return { ok: true, result: answer as IngestResult };
    const fallback: Problem = { title: response.statusText || `Status ${response.status}`, status: response.status };
    return { ok: false, problem: { ...fallback, ...(answer as Partial<Problem>), status: response.status } };
  },
};

export { ApiError, UnreachableError };
