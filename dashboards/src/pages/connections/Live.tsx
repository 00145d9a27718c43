import { useId, useMemo, useState } from 'react';
import { Anchor, Button, Code, Group, SegmentedControl, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import { api } from '../../api/client';
import type { Connection, Json, Problem, RequestRecord, StoredEvent } from '../../api/types';
import { useMay } from '../../app/session';
import { formatBytes, formatClock, formatDateTime, parseTime, plural, sentence } from '../../lib/format';
import { locate, offsetOfByte } from '../../lib/jsonPosition';
import { CopyIcon, Empty, Failure, SkeletonRows, Surface } from '../../ui/basics';
import { IconInbox, IconPencil, IconPlayerPause, IconPlayerPlay, IconSearch } from '../../ui/icons';
import { JsonTree } from '../../ui/JsonTree';
import { Replay } from './Replay';
import { useLive, type FeedItem } from './useLive';

type Show = 'all' | 'events' | 'refused';

function matches(item: FeedItem, show: Show, text: string): boolean {
  if (show === 'events' && item.kind !== 'event') return false;
  if (show === 'refused' && item.kind !== 'refused') return false;
  if (text === '') return true;
  const content = item.kind === 'event' ? JSON.stringify(item.event) : JSON.stringify(item.request.reason ?? {});
  return content.toLowerCase().includes(text.toLowerCase());
}

export function Live({ connection }: { connection: Connection }) {
  const feed = useLive(connection.id);
  const [params, setParams] = useSearchParams();
  const asked = params.get('show');
  const show: Show = asked === 'events' || asked === 'refused' ? asked : 'all';
  const text = params.get('q') ?? '';
  const [open, setOpen] = useState<string | null>(null);
  const found = useMemo(() => feed.items.filter((item) => matches(item, show, text)), [feed.items, show, text]);

  const set = (name: string, value: string, none: string) => {
    const next = new URLSearchParams(params);
    if (value === none) next.delete(name);
    else next.set(name, value);
    setParams(next, { replace: true });
  };

  const status = feed.paused ? 'Paused' : feed.state === 'live' ? 'Live' : feed.state === 'connecting' ? 'Connecting' : 'Connection lost, trying again';
  const tone = feed.paused ? 'status-idle' : feed.state === 'live' ? 'status-good' : 'status-waiting';

  return (
    <Stack gap="md">
      <Group justify="space-between" gap="sm">
        <Group gap="sm">
          <SegmentedControl size="sm" value={show} onChange={(value) => set('show', value, 'all')} aria-label="Show"
            data={[{ value: 'all', label: 'All' }, { value: 'events', label: 'Events' }, { value: 'refused', label: 'Refused' }]} />
          <TextInput className="feed-filter" miw={240} value={text} onChange={(e) => set('q', e.currentTarget.value, '')} aria-label="Filter" placeholder="Filter by any text" leftSection={<IconSearch size={16} />} />
        </Group>
        <Group gap="md">
          <span className={`status ${tone}`} role="status">{status}</span>
          {feed.paused
            ? <Button size="xs" leftSection={<IconPlayerPlay size={15} />} onClick={feed.resume}>Resume{feed.waiting > 0 ? ` (${feed.waiting} new)` : ''}</Button>
            : <Button size="xs" variant="default" leftSection={<IconPlayerPause size={15} />} onClick={feed.pause}>Pause</Button>}
        </Group>
      </Group>
      {feed.error !== null && <Failure error={feed.error} />}
      {feed.dropped > 0 && <Text size="sm" c="dimmed">{plural(feed.dropped, 'message')} came faster than this page could show; all are stored.</Text>}
      <Surface pad={false}>
        {!feed.loaded && <SkeletonRows height={42} count={6} />}
        {feed.loaded && found.length === 0 && (
          <Empty icon={<IconInbox size={38} stroke={1.3} />} title={text !== '' ? 'Nothing here matches' : show === 'refused' ? 'No request was refused' : 'Nothing has arrived yet'}>
            {show === 'refused' ? 'Requests refused with 400, 413 or 422 are kept here for 7 days, with the reason.' : 'Events show up here the moment they arrive.'}
          </Empty>
        )}
        {found.map((item) => (
          <Item key={item.key} item={item} connection={connection} open={open === item.key} onToggle={() => setOpen(open === item.key ? null : item.key)} />
        ))}
      </Surface>
    </Stack>
  );
}

function Item({ item, connection, open, onToggle }: { item: FeedItem; connection: Connection; open: boolean; onToggle: () => void }) {
  const detail = useId();
  const at = parseTime(item.at);
  return (
    <div className={`feed-item ${item.fresh ? 'feed-item-new' : ''}`}>
      <button type="button" className="feed-row" aria-expanded={open} aria-controls={detail} onClick={onToggle}>
        <time className="dim tnum" dateTime={item.at} title={at === null ? undefined : formatDateTime(at)}>{at === null ? '–' : formatClock(at)}</time>
        {item.kind === 'event' ? <EventLine event={item.event} /> : <RefusedLine request={item.request} />}
      </button>
      <div id={detail}>
        {open && <div className="feed-detail">{item.kind === 'event' ? <EventDetail event={item.event} /> : <RefusedDetail request={item.request} connection={connection} />}</div>}
      </div>
    </div>
  );
}

function preview(event: StoredEvent): string {
  return Object.entries(event.event_payload ?? {})
    .flatMap(([k, v]) => (v === null || typeof v !== 'object' ? [`${k}: ${String(v)}`] : []))
    .slice(0, 4)
    .join('  ·  ');
}

function EventLine({ event }: { event: StoredEvent }) {
  return (
    <>
      <span className="ellipsis"><b style={{ fontWeight: 600 }}>{event.event_email ?? 'anonymous'}</b>&ensp;<span className="dim">{preview(event)}</span></span>
      <span className="mono dim ellipsis" style={{ maxWidth: 180 }}>{event.event_id}</span>
    </>
  );
}

function RefusedLine({ request }: { request: RequestRecord }) {
  return (
    <>
      <span className="ellipsis bad">
        {request.outcome === 'event_refused' ? 'Event not stored' : 'Refused'}&ensp;<span style={{ color: 'var(--mantine-color-text)' }}>{sentence(request.reason?.detail ?? request.reason?.title ?? '')}</span>
      </span>
      <span className="tag tag-bad">{request.status}</span>
    </>
  );
}

function EventDetail({ event }: { event: StoredEvent }) {
  const shown: Json = {
    event_id: event.event_id, event_timestamp: event.event_timestamp, event_email: event.event_email ?? null,
    ...(event.event_adb_cdt === null || event.event_adb_cdt === undefined ? {} : { event_adb_cdt: event.event_adb_cdt }),
    event_payload: event.event_payload ?? {},
    ...(event.received_at === undefined ? {} : { received_at: event.received_at }),
  };
  return (
    <Stack gap="xs">
      <Group justify="space-between" align="flex-start" wrap="nowrap"><JsonTree value={shown} /><CopyIcon value={JSON.stringify(shown, null, 2)} label="Copy as JSON" /></Group>
      {event.event_email !== null && event.event_email !== undefined && (
        <Anchor component={Link} size="sm" to={`/people?email=${encodeURIComponent(event.event_email)}`}>All events of this person</Anchor>
      )}
    </Stack>
  );
}

function RefusedDetail({ request, connection }: { request: RequestRecord; connection: Connection }) {
  const may = useMay();
  const [mending, setMending] = useState(false);
  const full = useQuery({
    queryKey: ['connections', connection.id, 'requests', request.id],
    queryFn: ({ signal }) => api.connections.request(connection.id, request.id, signal),
    staleTime: Infinity,
    retry: 3,
  });
  const reason = request.reason;
  const text = full.data?.body_encoding === 'base64' ? null : full.data?.body;
  const mendable = may.manage && connection.webhook_url !== null && text !== undefined && text !== null && full.data?.complete === true;
  return (
    <Stack gap="sm">
      <div>
        <Text size="sm" fw={600}>{reason?.title}</Text>
        <Text size="sm">{sentence(reason?.detail ?? '')}</Text>
      </div>
      {reason?.errors !== undefined && (
        <ul style={{ margin: 0, paddingLeft: 18, fontSize: '0.86rem' }}>
          {reason.errors.slice(0, 12).map((e, i) => <li key={i}><Code>{e.pointer ?? e.field}</Code> {e.message}</li>)}
          {reason.errors.length > 12 && <li className="dim">and {reason.errors.length - 12} more</li>}
        </ul>
      )}
      {full.isPending && <Skeleton h={90} />}
      {full.error !== null && <Text size="sm" c="dimmed">What was sent is not kept any more.</Text>}
      {text !== undefined && text !== null && <Body text={text} reason={reason} />}
      {full.data?.body_encoding === 'base64' && <Text size="sm" c="dimmed">The body is not text in UTF-8, so it cannot be shown.</Text>}
      <Group gap="sm">
        {mendable && <Button size="xs" leftSection={<IconPencil size={15} />} onClick={() => setMending(true)}>Mend and replay</Button>}
        <Text size="xs" c="dimmed">{formatBytes(request.bytes)}{full.data?.complete === false ? ', of which the first 32 kB are kept' : ''}</Text>
      </Group>
      {mending && mendable && <Replay url={connection.webhook_url ?? ''} body={text} reason={reason} single={request.outcome === 'event_refused'} onClose={() => setMending(false)} />}
    </Stack>
  );
}

/** The body as a tree with the reasons beside it, or as text with the place marked. */
function Body({ text, reason }: { text: string; reason: Problem | undefined }) {
  const parsed = useMemo((): { value: Json } | null => {
    try {
      return { value: JSON.parse(text) as Json };
    } catch {
      return null;
    }
  }, [text]);
  if (parsed !== null && text.length < 40_000) {
    const reasons = new Map<string, string>();
    for (const e of reason?.errors ?? []) {
      if (e.pointer !== undefined) reasons.set(e.pointer, [reasons.get(e.pointer), e.message].filter((m) => m !== undefined).join('; '));
    }
    return <JsonTree value={parsed.value} reasons={reasons} />;
  }
  const pointer = reason?.errors?.[0]?.pointer;
  const at = reason?.offset !== undefined ? offsetOfByte(text, reason.offset) : pointer !== undefined ? locate(text, pointer).from : text.length;
  const from = Math.max(0, at - 600);
  return (
    <pre className="code" style={{ whiteSpace: 'pre-wrap', maxHeight: 280 }}>
      {from > 0 && '…'}{text.slice(from, at)}<mark className="j-bad bad">{text.slice(at, at + 1) === '' ? '⏎' : text.slice(at, at + 1)}</mark>{text.slice(at + 1, at + 600)}{at + 600 < text.length && '…'}
    </pre>
  );
}
