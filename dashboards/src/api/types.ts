/**
 * The shapes of the API as the app uses them. Times are RFC 3339 strings, counts
 * are JSON numbers. A field that a server may leave out is optional here.
 */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = Record<string, Json>;

export interface Page<T> {
  data: T[];
  next_cursor?: string | null;
}

export type Role = 'admin' | 'analyst' | 'viewer';

export interface Me {
  role: Role;
  name: string;
  /** Set for the key of a shared link: it opens this dashboard and nothing else. */
  dashboard?: string | null;
  version?: string;
}

export type ConnectionStatus = 'awaiting_data' | 'connected' | 'paused';

export interface GraceUrl {
  webhook_url: string;
  expires_at: string;
}

export interface Connection {
  id: string;
  name: string;
  event_source: string;
  event_object: string;
  allow_anonymous: boolean;
  /** For how many days events are kept; null = for ever. */
  retention_days?: number | null;
  status: ConnectionStatus;
  /** Null for roles that must not know it. */
  webhook_url: string | null;
  created_at: string;
  events_received: number;
  last_event_at: string | null;
  /** Rotated addresses that still work. */
  previous_webhook_urls?: GraceUrl[];
}

export interface NewConnection {
  name: string;
  event_source: string;
  event_object: string;
  allow_anonymous?: boolean;
}

export interface ConnectionPatch {
  name?: string;
  event_source?: string;
  event_object?: string;
  allow_anonymous?: boolean;
  paused?: boolean;
  retention_days?: number | null;
}

/** An event as the API lists it; the live stream leaves out the connection's fields. */
export interface StoredEvent {
  event_id: string;
  event_timestamp: string;
  event_email?: string | null;
  event_adb_cdt?: string | null;
  event_payload?: JsonObject | null;
  received_at?: string;
  connection_id?: string;
  connection?: string;
  event_source?: string;
  event_object?: string;
}

export interface ProblemField {
  index?: number;
  field?: string;
  pointer?: string;
  code?: string;
  message: string;
}

/** RFC 9457, with the extensions of the collector. */
export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  request_id?: string;
  errors?: ProblemField[];
  line?: number;
  column?: number;
  offset?: number;
}

export interface RequestRecord {
  id: string;
  received_at: string;
  status: number;
  outcome: 'accepted' | 'refused' | 'event_refused';
  events?: number;
  warnings?: number;
  bytes: number;
  reason?: Problem;
  body?: string;
  body_encoding?: 'text' | 'base64';
  complete?: boolean;
}

export interface IngestResult {
  received: number;
  warnings?: { message: string; pointer?: string }[];
}

export const fieldTypes = ['string', 'number', 'integer', 'boolean', 'datetime', 'string[]', 'number[]'] as const;
export type FieldType = (typeof fieldTypes)[number];

/** One path seen in payloads. `[]` in it enters the elements of a list. */
export interface SeenField {
  path: string;
  /** Events by JSON type: string, integer, number, boolean, null, object, array. */
  types: Record<string, number>;
  first_seen: string;
  last_seen: string;
  sample: string;
  /** The defined fields that read this path; the share of values that do not fit is 0 to 1. */
  fields: { name: string; type: string; misfit_share: number | null }[];
}

export interface FieldDefinition {
  name: string;
  connection_ids?: string[] | null;
  path: string;
  type: FieldType;
  label?: string;
  description?: string;
}

/** How a field would suit the newest events; samples are JSON texts. */
export interface FieldPreview {
  events: number;
  present: number;
  fitting: number;
  fitting_samples: string[];
  misfit_samples: string[];
}

export interface ConversionDefinition {
  name: string;
  connection_ids?: string[] | null;
  filters: Filter[];
  value_field?: string;
  label?: string;
  description?: string;
}

export interface ConversionPreview {
  events: number;
  matched: number;
  value: number | null;
}

export const operators = [
  'eq', 'ne', 'in', 'not_in', 'gt', 'gte', 'lt', 'lte', 'between',
  'contains', 'starts_with', 'matches', 'is_set', 'is_not_set',
] as const;
export type Operator = (typeof operators)[number];

export interface Condition {
  field: string;
  op: Operator;
  values: (string | number | boolean)[];
}

export type Filter = Condition | { and: Filter[] } | { or: Filter[] };

export const granularities = ['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'] as const;
export type Granularity = (typeof granularities)[number];

export interface ReportQuery {
  metrics: string[];
  dimensions?: string[];
  time: { from: string; to: string; granularity?: Granularity; timezone?: string };
  filters?: Filter[];
  connections?: string[];
  order?: { by: string; dir: 'asc' | 'desc' }[];
  limit?: number;
  compare?: 'previous_period';
  fill?: boolean;
}

export interface Column {
  name: string;
  type: string;
  label?: string;
}

export type Cell = Json;

export interface ReportResult {
  columns: Column[];
  rows: Cell[][];
  /** One value for each column, null for time and dimensions. */
  totals?: Cell[] | null;
  meta: {
    as_of?: string;
    rows_read?: number;
    elapsed_ms?: number;
    truncated?: boolean;
    /** For each field used, values that do not fit its type and count as nothing. */
    misfits?: Record<string, number>;
  };
}

export interface FunnelQuery {
  steps: string[];
  /** A duration such as "7d" or "24h". */
  window: string;
  time: { from: string; to: string; timezone?: string };
  filters?: Filter[];
  connections?: string[];
}

export const visualisations = ['line', 'bar', 'table', 'number', 'funnel'] as const;
export type Visualisation = (typeof visualisations)[number];

/** What a saved report holds: what to ask and how to show the answer. */
interface ReportHead {
  slug: string;
  title: string;
  description?: string;
  /** Left out by those who saved it without the app; see lookOf. */
  visualization?: Visualisation;
  version?: number;
}
export type SavedReport = ReportHead & ({ kind: 'report'; query: ReportQuery } | { kind: 'funnel'; query: FunnelQuery });

export type PanelHeight = 's' | 'm' | 'l';

export interface Panel {
  report: string;
  title?: string;
  /** Columns of twelve. */
  width: 3 | 4 | 6 | 8 | 12;
  height: PanelHeight;
}

export interface Dashboard {
  slug: string;
  name: string;
  description?: string;
  panels: Panel[];
  /** The reports that the panels show: sent with a single dashboard. */
  reports?: SavedReport[];
  updated_at?: string;
}

export interface Share {
  id: string;
  name?: string;
  created_at: string;
  expires_at?: string | null;
}

export interface NewShare extends Share {
  /** The secret; shown only once. */
  key: string;
}

export interface ApiKey {
  id: string;
  name: string;
  role: Role;
  created_at: string;
  /** Set for a shared link: the one dashboard that it opens. */
  dashboard?: string;
  expires_at?: string | null;
}

export interface NewApiKey extends ApiKey {
  key: string;
}

export interface SqlSchema {
  views: { name: string; description?: string; columns: { name: string; type: string }[] }[];
}

export interface ErasureReceipt {
  id: string;
  email_hash: string;
  finished: boolean;
  requested_by: string;
  started_at: string;
  erased_at: string | null;
  events_erased: number;
  refused_requests_erased: number;
  /** What was removed where: rows of tables, and what lay elsewhere. */
  removed: { where: string; count: number }[];
  remaining: number;
}

export type Health = 'ok' | 'degraded' | 'down';

export interface Status {
  version: string;
  started_at: string;
  state: Health;
  engine: {
    kind: 'embedded' | 'server';
    state: Health;
    version?: string;
    detail?: string;
    restarts?: number;
    memory_bytes?: number;
  };
  ingest: {
    events_per_second: number;
    requests_per_second: number;
    events_total: number;
    requests_total: number;
    /** Events a second, oldest first, one value for `history_step_seconds`. */
    history?: number[];
    history_step_seconds?: number;
  };
  spool: {
    state: Health;
    /** Of events that ClickHouse does not have yet. */
    waiting_bytes: number;
    /** Of the files on disk. */
    bytes: number;
    limit_bytes: number;
    /** Age of the oldest event that ClickHouse does not have yet. */
    lag_seconds: number;
    damaged_records: number;
  };
  refused: { last_hour: number; last_day: number; by_status?: Record<string, number> };
  disk: { path: string; free_bytes: number; total_bytes: number; used_by_data_bytes?: number };
  storage?: { rows: number; bytes_on_disk: number; parts?: number };
  checks?: { name: string; state: Health; message: string; remedy?: string }[];
}
