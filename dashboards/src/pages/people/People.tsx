import { useState } from 'react';
import { Alert, Anchor, Button, Group, Skeleton, Stack, Text, TextInput, Title } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import { api } from '../../api/client';
import { useChange } from '../../api/queries';
import type { ErasureReceipt, Json, StoredEvent } from '../../api/types';
import { useMay } from '../../app/session';
import { formatClock, formatNumber, parseTime, plural } from '../../lib/format';
import { Dialog } from '../../ui/Dialog';
import { CopyIcon, Empty, Exact, Failure, Page, Surface } from '../../ui/basics';
import { JsonTree } from '../../ui/JsonTree';
import { IconEraser, IconSearch, IconUser } from '../../ui/icons';

export function People() {
  const [params, setParams] = useSearchParams();
  const email = params.get('email') ?? '';
  return (
    <Page title="People" subtitle="Everything that one person did, by e-mail address.">
      <Search key={email} email={email} onFind={(next) => setParams(next === '' ? {} : { email: next })} />
      {email === '' ? <Surface><Empty icon={<IconUser size={38} stroke={1.3} />} title="Whom are you looking for?">Enter the complete address (upper and lower case do not matter) or an event_adb_cdt.</Empty></Surface> : <Person key={email} email={email} />}
    </Page>
  );
}

function Search({ email, onFind }: { email: string; onFind: (email: string) => void }) {
  const [text, setText] = useState(email);
  return (
    <form onSubmit={(e) => { e.preventDefault(); onFind(text.trim()); }}>
      <Group mb="lg" gap="sm">
        <TextInput maw={420} className="grow" type="text" value={text} onChange={(e) => setText(e.currentTarget.value)} aria-label="E-mail address or event_adb_cdt" placeholder="ada@example.com" leftSection={<IconSearch size={16} />} />
        <Button type="submit">Find</Button>
      </Group>
    </form>
  );
}

const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' });

function byDay(events: StoredEvent[]): [string, StoredEvent[]][] {
  const days = new Map<string, StoredEvent[]>();
  for (const event of events) {
    const at = parseTime(event.event_timestamp);
    const day = at === null ? 'Unknown day' : dayFormat.format(at);
    days.set(day, [...(days.get(day) ?? []), event]);
  }
  return [...days];
}

function Person({ email }: { email: string }) {
  const may = useMay();
  const [asking, setAsking] = useState(false);
  const [receipt, setReceipt] = useState<ErasureReceipt | null>(null);
  const history = useInfiniteQuery({
    queryKey: ['person', email],
    queryFn: ({ pageParam, signal }) => api.people.events(email, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => (page.next_cursor === null || page.next_cursor === '' ? undefined : page.next_cursor),
    enabled: receipt === null,
  });
  if (receipt !== null) return <Receipt receipt={receipt} email={email} />;
  if (history.error !== null) return <Failure error={history.error} retry={() => void history.refetch()} />;
  if (history.data === undefined) return <Stack>{[0, 1, 2].map((i) => <Skeleton key={i} h={52} radius={10} />)}</Stack>;
  const events = history.data.pages.flatMap((p) => p.data);
  if (events.length === 0) {
    return <Surface><Empty title={`No events of ${email}`} action={may.manage && email.includes('@') ? <Button variant="default" onClick={() => setAsking(true)}>Erase anyway</Button> : undefined}>Nothing is stored under this address. Erasing keeps later copies out as well.</Empty>{asking && <Erase email={email} onClose={() => setAsking(false)} onDone={setReceipt} />}</Surface>;
  }
  return (
    <>
      <Group justify="space-between" mb="md">
        <div><Title order={2} className="wrap-anywhere">{email}</Title><Text size="sm" c="dimmed">{plural(events.length, 'event')}{history.hasNextPage ? ' and more' : ''}</Text></div>
        {may.manage && email.includes('@') && <Button variant="light" color="red" leftSection={<IconEraser size={17} />} onClick={() => setAsking(true)}>Erase this person</Button>}
      </Group>
      <Surface>
        <Stack gap="lg">
          {byDay(events).map(([day, list]) => (
            <section key={day} aria-label={day}>
              <Title order={3} mb="sm" c="dimmed">{day}</Title>
              <ol className="timeline">{list.map((e) => <Moment key={`${e.connection_id ?? ''}/${e.event_id}`} event={e} />)}</ol>
            </section>
          ))}
        </Stack>
        {history.hasNextPage && <Button variant="default" loading={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>Show more</Button>}
      </Surface>
      {asking && <Erase email={email} onClose={() => setAsking(false)} onDone={setReceipt} />}
    </>
  );
}

function Moment({ event }: { event: StoredEvent }) {
  const at = parseTime(event.event_timestamp);
  const payload = (event.event_payload ?? {}) as Json;
  return (
    <li>
      <Group gap="sm" align="baseline">
        <time className="dim tnum" dateTime={event.event_timestamp} style={{ fontSize: '0.82rem' }}>{at === null ? '–' : formatClock(at)}</time>
        <Text fw={600} size="sm">{event.event_object ?? 'Event'}</Text>
        {event.connection_id !== undefined && <Anchor component={Link} size="sm" c="dimmed" to={`/connections/${event.connection_id}`}>{event.connection ?? event.event_source}</Anchor>}
        <span className="mono dim">{event.event_id}</span>
      </Group>
      <JsonTree value={payload} />
    </li>
  );
}

function Erase({ email, onClose, onDone }: { email: string; onClose: () => void; onDone: (receipt: ErasureReceipt) => void }) {
  const [typed, setTyped] = useState('');
  const erase = useChange({ change: () => api.people.erase(email), stale: [['report'], ['report-data']], quiet: true, done: onDone });
  return (
    <Dialog onClose={onClose} title="Erase this person?">
      <form onSubmit={(e) => { e.preventDefault(); erase.mutate(undefined); }}>
        <Stack>
          <Alert color="red" variant="light">All events of <b>{email}</b> are removed: from storage, from the spool and from refused requests. This cannot be undone. Reports of the past will change.</Alert>
          <TextInput label="Type the address to confirm" value={typed} onChange={(e) => setTyped(e.currentTarget.value)} autoComplete="off" data-autofocus />
          {erase.error !== null && <Failure error={erase.error} />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Keep</Button><Button type="submit" color="red" disabled={typed.trim().toLowerCase() !== email.toLowerCase()} loading={erase.isPending}>Erase</Button></Group>
        </Stack>
      </form>
    </Dialog>
  );
}

function Receipt({ receipt, email }: { receipt: ErasureReceipt; email: string }) {
  const clean = receipt.remaining === 0;
  return (
    <Surface>
      <Group justify="space-between" align="flex-start" wrap="nowrap">
        <div role="status">
          <Title order={2} className={clean ? 'good' : 'warn'}>{clean ? 'Erased' : 'Erased in part'}</Title>
          <Text size="sm" c="dimmed" mb="md">{clean ? 'Afterwards nothing of this person was found.' : `${plural(receipt.remaining, 'row')} are still there; erase again, or look at Operate.`}</Text>
        </div>
        <CopyIcon value={JSON.stringify(receipt, null, 2)} label="Copy receipt as JSON" />
      </Group>
      <table className="table" aria-label="Receipt">
        <tbody>
          <tr><th scope="row">Address</th><td>{email}</td></tr>
          <tr><th scope="row">Events erased</th><td>{formatNumber(receipt.events_erased)}</td></tr>
          <tr><th scope="row">Refused requests erased</th><td>{formatNumber(receipt.refused_requests_erased)}</td></tr>
          {receipt.removed.filter((r) => r.count > 0).map((r) => <tr key={r.where}><th scope="row">Removed from {r.where}</th><td>{formatNumber(r.count)}</td></tr>)}
          <tr><th scope="row">Found afterwards</th><td>{formatNumber(receipt.remaining)}</td></tr>
          {receipt.erased_at !== null && <tr><th scope="row">When</th><td><Exact time={receipt.erased_at} /></td></tr>}
          <tr><th scope="row">By</th><td>{receipt.requested_by}</td></tr>
          <tr><th scope="row">Receipt</th><td className="mono">{receipt.id}</td></tr>
          <tr><th scope="row">Keyed hash kept</th><td className="mono wrap-anywhere">{receipt.email_hash}</td></tr>
        </tbody>
      </table>
    </Surface>
  );
}
