/**
 * The one place where the app talks to the server: adds the key, reads problem
 * documents, streams server-sent events. Nothing in here knows about React.
 */
import type { Problem } from './types';

/** An answer that is not a success, with its problem document. */
export class ApiError extends Error {
  readonly problem: Problem;
  readonly status: number;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.name = 'ApiError';
    this.problem = problem;
    this.status = problem.status;
  }
}

/** No answer at all: the server is away or the network is. */
export class UnreachableError extends Error {
  constructor() {
    super('The server does not answer.');
    this.name = 'UnreachableError';
  }
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  body?: unknown;
  /** A form with files, instead of body. */
  form?: FormData;
  accept?: string;
  signal?: AbortSignal | undefined;
}

let key: string | null = null;
let onUnauthenticated: () => void = () => undefined;

export function setKey(next: string | null): void {
  key = next;
}

/** Called when the server stops knowing the key. */
export function setUnauthenticatedHandler(handler: () => void): void {
  onUnauthenticated = handler;
}

async function readProblem(response: Response): Promise<Problem> {
  const fallback: Problem = { title: response.statusText || `Status ${response.status}`, status: response.status };
  try {
    const body = (await response.json()) as Partial<Problem>;
    return { ...fallback, ...body, status: response.status };
  } catch {
    return fallback;
  }
}

/** Sends a request and returns the successful answer; throws ApiError or UnreachableError. */
export async function send(path: string, options: RequestOptions = {}): Promise<Response> {
  const headers = new Headers({ Accept: options.accept ?? 'application/json' });
  if (key !== null) headers.set('Authorization', `Bearer ${key}`);
  let body: string | FormData | null = options.form ?? null; // its content type names the boundary: the browser sets it
  if (options.body !== undefined) {
    headers.set('Content-Type', 'application/json');
    body = JSON.stringify(options.body);
  }
  let response: Response;
  try {
    response = await fetch(path, {
      method: options.method ?? 'GET',
      headers,
      body,
      signal: options.signal ?? null,
      credentials: 'omit',
      cache: 'no-store',
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new UnreachableError();
  }
  if (response.ok) return response;
  const problem = await readProblem(response);
  if (response.status === 401) onUnauthenticated();
  throw new ApiError(problem);
}

export async function sendJson<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const response = await send(path, options);
  return (await response.json()) as T;
}

export interface ServerEvent {
  event: string;
  data: string;
}

/**
 * Splits the text of an event stream into messages (the parts of the WHATWG
 * specification that servers use). Feed it chunks as they arrive.
 */
export function createEventParser(emit: (message: ServerEvent) => void): (chunk: string) => void {
  let rest = '';
  let event = 'message';
  let data: string[] = [];
  return (chunk) => {
    rest += chunk;
    let end: number;
    while ((end = rest.search(/\r\n|\n|\r(?=.)/s)) !== -1) {
      const line = rest.slice(0, end);
      rest = rest.slice(end + (rest.startsWith('\r\n', end) ? 2 : 1));
      if (line === '') {
        if (data.length > 0) emit({ event, data: data.join('\n') });
        event = 'message';
        data = [];
        continue;
      }
      if (line.startsWith(':')) continue;
      const colon = line.indexOf(':');
      const name = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (name === 'event') event = value;
      else if (name === 'data') data.push(value);
    }
  };
}

/**
 * Reads server-sent events until the signal aborts or the stream ends. EventSource
 * cannot send the Authorization header, hence fetch.
 */
export async function stream(
  path: string,
  signal: AbortSignal,
  onOpen: () => void,
  onMessage: (message: ServerEvent) => void,
): Promise<void> {
  const response = await send(path, { accept: 'text/event-stream', signal });
  onOpen();
  if (response.body === null) return;
  const parse = createEventParser(onMessage);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parse(value);
  }
}
