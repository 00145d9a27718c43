/** The live feed of a connection: what was there, then what comes, newest first. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { ApiError, api } from '../../api/client';
import type { ServerEvent } from '../../api/http';
import type { RequestRecord, StoredEvent } from '../../api/types';

export type FeedItem =
  | { kind: 'event'; key: string; at: string; event: StoredEvent; fresh: boolean }
  | { kind: 'refused'; key: string; at: string; request: RequestRecord; fresh: boolean };

export type FeedState = 'connecting' | 'live' | 'reconnecting';

const kept = 300;
/** Milliseconds after which an accepted event is found among the stored ones. */
const visibleAfter = 2000;

function fromEvent(event: StoredEvent, fresh: boolean): FeedItem {
  const at = event.received_at ?? event.event_timestamp;
  return { kind: 'event', key: `e:${event.event_id}:${at}`, at, event, fresh };
}

function fromRequest(request: RequestRecord, fresh: boolean): FeedItem {
  return { kind: 'refused', key: `r:${request.id}`, at: request.received_at, request, fresh };
}

/** Newest first, each once, no more than are kept. */
export function merge(now: FeedItem[], added: FeedItem[]): FeedItem[] {
  const seen = new Set<string>();
  return [...added, ...now]
    .filter((item) => !seen.has(item.key) && seen.add(item.key))
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .slice(0, kept);
}

/** What a message of the stream adds to the feed; null for what it does not show. */
export function readMessage(message: ServerEvent): FeedItem | null {
  const data: unknown = JSON.parse(message.data);
  if (message.event === 'event') return fromEvent(data as StoredEvent, true);
  if (message.event === 'request') {
    const request = data as RequestRecord;
    return request.outcome === 'accepted' ? null : fromRequest(request, true);
  }
  return null;
}

export function useLive(connection: string) {
  const [items, setItems] = useState<FeedItem[]>([]);
  const [waiting, setWaiting] = useState<FeedItem[]>([]);
  const [dropped, setDropped] = useState(0);
  const [paused, setPaused] = useState(false);
  const [state, setState] = useState<FeedState>('connecting');
  const [loaded, setLoaded] = useState(false);
  const [error, setError] = useState<Error | null>(null);

  const add = useRef<(added: FeedItem[]) => void>(() => undefined);
  useEffect(() => {
    add.current = (added) => (paused ? setWaiting((now) => merge(now, added)) : setItems((now) => merge(now, added)));
  }, [paused]);

  useEffect(() => {
    const stop = new AbortController();
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const later = (ms: number, run: () => void) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        run();
      }, ms);
      timers.add(timer);
    };

    // Many messages a second are drawn ten times a second.
    let buffer: FeedItem[] = [];
    const flush = () => {
      const batch = buffer;
      buffer = [];
      add.current(batch);
    };
    const receive = (message: ServerEvent) => {
      if (message.event === 'dropped') {
        const { messages } = JSON.parse(message.data) as { messages: number };
        setDropped((n) => n + messages);
        return;
      }
      const item = readMessage(message);
      if (item === null) return;
      if (buffer.length === 0) later(100, flush);
      buffer.push(item);
    };

    const history = async () => {
      const [events, requests] = await Promise.all([
        api.connections.events(connection, 100, stop.signal),
        api.connections.requests(connection, 100, stop.signal),
      ]);
      setItems((now) => merge(now, [
        ...events.data.map((e) => fromEvent(e, false)),
        ...requests.data.filter((r) => r.outcome !== 'accepted').map((r) => fromRequest(r, false)),
      ]));
      setLoaded(true);
      setError(null);
    };

    const readHistory = () => {
      history().catch((failure: unknown) => {
        if (stop.signal.aborted) return;
        setError(failure instanceof Error ? failure : new Error(String(failure)));
        setLoaded(true);
      });
    };

    const connect = async (attempt: number): Promise<void> => {
      const session = { opened: false };
      try {
        await api.connections.stream(connection, stop.signal, () => {
          session.opened = true;
          setState('live');
          // Only now, and once more when what came right before is stored, too: nothing
          // is missed between the history and the stream.
          readHistory();
          later(visibleAfter, readHistory);
        }, receive);
      } catch (failure) {
        if (failure instanceof ApiError && failure.status < 500) {
          setError(failure);
          setLoaded(true);
          return;
        }
      }
      if (stop.signal.aborted) return;
      setState('reconnecting');
      later(Math.min(10_000, session.opened ? 500 : 500 * 2 ** attempt), () => void connect(session.opened ? 0 : attempt + 1));
    };
    void connect(0);
    return () => {
      stop.abort();
      timers.forEach(clearTimeout);
    };
  }, [connection]);

  const resume = useCallback(() => {
    setItems((now) => merge(now, waiting));
    setWaiting([]);
    setPaused(false);
  }, [waiting]);

  return { items, waiting: waiting.length, dropped, paused, pause: () => setPaused(true), resume, state, loaded, error };
}
