import { useState, type ReactNode } from 'react';
import { Alert, Button, Group, Modal, Select, SimpleGrid, Stack, Switch, Text, TextInput, Title } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useNavigate } from 'react-router';
import { api } from '../../api/client';
import { useChange } from '../../api/queries';
import type { Connection } from '../../api/types';
import { formatNumber } from '../../lib/format';
import { CopyField, Exact, Surface } from '../../ui/basics';

const graces = [
  { value: '0s', label: 'Stops at once' }, { value: '1h', label: 'Works for 1 more hour' }, { value: '24h', label: 'Works for 24 more hours' },
  { value: '168h', label: 'Works for 7 more days' }, { value: '720h', label: 'Works for 30 more days' },
];

function Part({ title, text, children }: { title: string; text: ReactNode; children: ReactNode }) {
  return (
    <Surface>
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
        <div><Title order={2}>{title}</Title><Text size="sm" c="dimmed" mt={4}>{text}</Text></div>
        <div>{children}</div>
      </SimpleGrid>
    </Surface>
  );
}

export function Settings({ connection }: { connection: Connection }) {
  return (
    <Stack>
      <Names connection={connection} />
      <Intake connection={connection} />
      <Rotation connection={connection} />
      <Deletion connection={connection} />
    </Stack>
  );
}

function Names({ connection }: { connection: Connection }) {
  const [name, setName] = useState(connection.name);
  const [source, setSource] = useState(connection.event_source);
  const [object, setObject] = useState(connection.event_object);
  const save = useChange({
    change: () => api.connections.patch(connection.id, { name: name.trim(), event_source: source.trim(), event_object: object.trim() }),
    stale: [['connections']],
    done: () => notifications.show({ message: 'Saved', color: 'teal' }),
  });
  const same = name.trim() === connection.name && source.trim() === connection.event_source && object.trim() === connection.event_object;
  return (
    <Part title="Name and event" text="A new name changes nothing for the sender. Source and object stand with every event in reports.">
      <form onSubmit={(e) => { e.preventDefault(); save.mutate(undefined); }}>
        <Stack gap="sm">
          <TextInput label="Name" value={name} onChange={(e) => setName(e.currentTarget.value)} required withAsterisk={false} />
          <SimpleGrid cols={2}>
            <TextInput label="Event source" value={source} onChange={(e) => setSource(e.currentTarget.value)} required withAsterisk={false} />
            <TextInput label="Event object" value={object} onChange={(e) => setObject(e.currentTarget.value)} required withAsterisk={false} />
          </SimpleGrid>
          <Group><Button type="submit" disabled={same} loading={save.isPending}>Save</Button></Group>
        </Stack>
      </form>
    </Part>
  );
}

function Intake({ connection }: { connection: Connection }) {
  const patch = useChange({ change: (body: { paused?: boolean; allow_anonymous?: boolean }) => api.connections.patch(connection.id, body), stale: [['connections']] });
  const paused = connection.status === 'paused';
  return (
    <Part title="Intake" text="A paused connection answers 403. Good senders try again later, so that nothing is lost.">
      <Stack>
        <Switch label="Take events" description={paused ? 'Paused: requests are answered with 403' : 'Running'} checked={!paused} onChange={(e) => patch.mutate({ paused: !e.currentTarget.checked })} />
        <Switch label="Take anonymous events" description="Without an e-mail address, if event_adb_cdt is there" checked={connection.allow_anonymous} onChange={(e) => patch.mutate({ allow_anonymous: e.currentTarget.checked })} />
      </Stack>
    </Part>
  );
}

function Rotation({ connection }: { connection: Connection }) {
  const [asking, setAsking] = useState(false);
  const [grace, setGrace] = useState('24h');
  const rotate = useChange({ change: () => api.connections.rotate(connection.id, grace), stale: [['connections']] });
  const close = () => {
    setAsking(false);
    rotate.reset();
  };
  const former = connection.previous_webhook_urls ?? [];
  return (
    <Part title="Webhook URL" text="Make a new URL if the old one has become known to somebody who should not send. The old one can go on working while you change the sender.">
      <Stack gap="sm">
        {connection.webhook_url !== null && <CopyField value={connection.webhook_url} label="Webhook URL" />}
        {former.map((f) => (
          <Text key={f.webhook_url} size="sm" c="dimmed" className="wrap-anywhere">Until <Exact time={f.expires_at} /> this works as well: <span className="mono">{f.webhook_url}</span></Text>
        ))}
        <Group><Button variant="default" onClick={() => setAsking(true)}>Make a new URL</Button></Group>
      </Stack>
      <Modal opened={asking} onClose={close} title="Make a new webhook URL">
        {rotate.data === undefined ? (
          <Stack>
            <Select label="The old URL" data={graces} value={grace} onChange={(v) => setGrace(v ?? '24h')} allowDeselect={false} comboboxProps={{ withinPortal: true }} />
            <Group justify="flex-end">
              <Button variant="default" onClick={close}>Cancel</Button>
              <Button loading={rotate.isPending} onClick={() => rotate.mutate(undefined)}>Make a new URL</Button>
            </Group>
          </Stack>
        ) : (
          <Stack>
            <Text size="sm">Put this URL into the system that sends.</Text>
            <CopyField value={rotate.data.webhook_url ?? ''} label="New webhook URL" />
            <Group justify="flex-end"><Button onClick={close}>Done</Button></Group>
          </Stack>
        )}
      </Modal>
    </Part>
  );
}

function Deletion({ connection }: { connection: Connection }) {
  const navigate = useNavigate();
  const [asking, setAsking] = useState(false);
  const [typed, setTyped] = useState('');
  const remove = useChange({
    change: () => api.connections.remove(connection.id),
    stale: [['connections']],
    done: () => {
      notifications.show({ message: `“${connection.name}” was deleted` });
      void navigate('/connections');
    },
  });
  return (
    <Part title="Delete" text="The URL stops working at once, and the connection’s events leave reports and views.">
      <Button color="red" variant="light" onClick={() => setAsking(true)}>Delete this connection</Button>
      <Modal opened={asking} onClose={() => setAsking(false)} title={`Delete “${connection.name}”?`}>
        <form onSubmit={(e) => { e.preventDefault(); remove.mutate(undefined); }}>
          <Stack>
            <Alert color="red" variant="light">{formatNumber(connection.events_received)} received events will no longer be seen, and whoever still sends gets 404.</Alert>
            <TextInput label={`Type ${connection.name} to confirm`} value={typed} onChange={(e) => setTyped(e.currentTarget.value)} data-autofocus autoComplete="off" />
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setAsking(false)}>Keep it</Button>
              <Button type="submit" color="red" disabled={typed.trim() !== connection.name} loading={remove.isPending}>Delete</Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </Part>
  );
}
