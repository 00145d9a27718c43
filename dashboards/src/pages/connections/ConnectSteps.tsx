import { useEffect, useRef, useState } from 'react';
import { Alert, Button, Group, Stack, Tabs, Text, Title } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { Link } from 'react-router';
import { api } from '../../api/client';
import { useChange } from '../../api/queries';
import type { Connection } from '../../api/types';
import { plural } from '../../lib/format';
import { exampleEvent, languages, snippet } from '../../lib/snippets';
import { CodeBlock, CopyField, Failure, Surface } from '../../ui/basics';
import { IconCheck, IconSend, IconWebhook } from '../../ui/icons';

/** A test event as a producer would send it, through the webhook itself. */
export function useTestEvent(connection: Connection) {
  const client = useQueryClient();
  return useChange({
    quiet: true,
    change: async () => {
      const event = exampleEvent(`test_${crypto.randomUUID()}`, new Date());
      const answer = await api.ingest(connection.webhook_url ?? '', JSON.stringify([event]));
      if (!answer.ok) throw new Error(answer.problem.detail ?? answer.problem.title);
      return answer.result;
    },
    stale: [['connections'], ['activity']],
    done: () => void client.invalidateQueries({ queryKey: ['report'] }),
  });
}

/** The webhook address, code that uses it, and a picture of whether it worked. */
export function ConnectSteps({ connection, fresh = false }: { connection: Connection; fresh?: boolean }) {
  const test = useTestEvent(connection);
  const connected = connection.status === 'connected';
  const url = connection.webhook_url;
  if (url === null) {
    return <Alert variant="light" color="gray">Only administrators see the webhook URL.</Alert>;
  }
  return (
    <Stack gap="lg">
      <Surface>
        <Stack gap="sm">
          <Title order={2}>Your webhook URL</Title>
          <Text size="sm" c="dimmed">Send events here with HTTP POST. The URL is the only secret: whoever knows it can send events.</Text>
          <CopyField value={url} label="Webhook URL" />
        </Stack>
      </Surface>
      <Surface>
        <StatusPanel connection={connection} connected={connected} fresh={fresh} />
        <Group mt="md" gap="sm">
          <Button variant={connected ? 'default' : 'light'} leftSection={<IconSend size={16} />} loading={test.isPending} onClick={() => test.mutate(undefined)}>Send a test event</Button>
          {connected && fresh && <Button component={Link} to={`/connections/${connection.id}/live`}>Watch events arrive</Button>}
        </Group>
        {test.error !== null && <Stack mt="md"><Failure title="The test event was refused" error={test.error} /></Stack>}
        {test.isSuccess && <Text size="sm" c="dimmed" mt="xs" role="status">Sent. It is an order of 99.99 EUR by ada@example.com with an id that begins with <code>test_</code>.</Text>}
      </Surface>
      <Surface>
        <Title order={2} mb={4}>Send from your system</Title>
        <Text size="sm" c="dimmed" mb="sm">The body is always an array, also for one event. Send many in one request: up to 300 kB.</Text>
        <Tabs defaultValue="curl" variant="outline" keepMounted={false}>
          <Tabs.List mb="sm">{languages.map((l) => <Tabs.Tab key={l} value={l}>{l}</Tabs.Tab>)}</Tabs.List>
          {languages.map((l) => <Tabs.Panel key={l} value={l}><CodeBlock code={snippet(l, url)} label={`${l} code`} maxHeight={420} /></Tabs.Panel>)}
        </Tabs>
      </Surface>
    </Stack>
  );
}

function StatusPanel({ connection, connected, fresh }: { connection: Connection; connected: boolean; fresh: boolean }) {
  // The change is announced, and the title tells it in the browser's tabs.
  const was = useRef(connected);
  const [turned, setTurned] = useState(false);
  useEffect(() => {
    if (connected && !was.current) setTurned(true);
    was.current = connected;
  }, [connected]);
  useEffect(() => {
    if (fresh) document.title = `${connected ? 'Connected' : 'Awaiting data'} · ${connection.name} · Tributary`;
  }, [connected, connection.name, fresh]);
  return (
    <Group gap="lg" wrap="nowrap" role="status" aria-live="polite">
      <div className="pulse-ring" data-state={connected ? 'connected' : 'waiting'} aria-hidden>
        {connected ? <IconCheck size={30} stroke={2.2} /> : <IconWebhook size={30} stroke={1.5} />}
      </div>
      <div>
        <Title order={2}>{connection.status === 'paused' ? 'Paused' : connected ? 'Connected' : 'Awaiting data'}</Title>
        <Text size="sm" c="dimmed">
          {connected
            ? `${turned ? 'The first event has arrived. ' : ''}${plural(connection.events_received, 'event')} received so far.`
            : connection.status === 'paused' ? 'It takes no events until it is resumed.' : 'This turns to “Connected” by itself as soon as the first event arrives.'}
        </Text>
      </div>
    </Group>
  );
}
