import { useState } from 'react';
import { Button, Checkbox, Group, SimpleGrid, Stack, Stepper, Text, TextInput, Title } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import { ApiError, api } from '../../api/client';
import { queries, useChange } from '../../api/queries';
import { useMay } from '../../app/session';
import { Empty, Failure, Page, Surface } from '../../ui/basics';
import { IconArrowRight, IconCheck, IconSearch, IconWebhook } from '../../ui/icons';
import { ConnectSteps } from './ConnectSteps';

/**
 * The way from nothing to "Connected": kind, names, address. The step and the
 * connection stand in the address, so that reloading loses nothing.
 */
export function CreateConnection() {
  const may = useMay();
  const [params, setParams] = useSearchParams();
  const id = params.get('id');
  const kind = params.get('kind');
  const step = id !== null ? 2 : kind === 'webhook' ? 1 : 0;
  if (!may.manage) {
    return <Page title="Create connection"><Empty title="Only administrators create connections">Ask one to create it, or for a key with the role admin.</Empty></Page>;
  }
  return (
    <Page title="Create connection" back={{ to: '/connections', label: 'Connections' }}>
      <Stack maw={820} gap="lg">
        <Stepper active={step} size="xs" iconSize={28} allowNextStepsSelect={false} aria-label="Progress">
          <Stepper.Step label="Kind" allowStepSelect={false} completedIcon={<IconCheck size={15} />} />
          <Stepper.Step label="Name and event" allowStepSelect={false} completedIcon={<IconCheck size={15} />} />
          <Stepper.Step label="Webhook URL" allowStepSelect={false} completedIcon={<IconCheck size={15} />} />
        </Stepper>
        {step === 0 && <ChooseKind onChoose={() => setParams({ kind: 'webhook' })} />}
        {step === 1 && <Describe onBack={() => setParams({})} onCreated={(created) => setParams({ id: created }, { replace: true })} />}
        {id !== null && <Connect id={id} />}
      </Stack>
    </Page>
  );
}

const kinds = [
  {
    id: 'webhook', name: 'Webhook Event', icon: IconWebhook,
    text: 'Your system posts events as JSON the moment they happen: leads, payments, bookings, anything.',
    words: 'webhook event http post json custom',
  },
];

function ChooseKind({ onChoose }: { onChoose: () => void }) {
  const [search, setSearch] = useState('');
  const found = kinds.filter((k) => `${k.name} ${k.words}`.toLowerCase().includes(search.trim().toLowerCase()));
  return (
    <Surface>
      <Stack>
        <div>
          <Title order={2}>What do you want to connect?</Title>
          <Text c="dimmed" size="sm">Search for the kind of connection and choose it.</Text>
        </div>
        <TextInput value={search} onChange={(e) => setSearch(e.currentTarget.value)} placeholder="Webhook Event" aria-label="Search kinds of connections" leftSection={<IconSearch size={16} />} />
        {found.map((k) => (
          <button key={k.id} type="button" className="kind-card" onClick={onChoose}>
            <Text c="var(--tb-accent)" component="span" mt={2}><k.icon size={30} stroke={1.5} aria-hidden /></Text>
            <span>
              <Text fw={620} component="span" display="block">{k.name}</Text>
              <Text size="sm" c="dimmed" component="span">{k.text}</Text>
            </span>
          </button>
        ))}
        {found.length === 0 && (
          <Text size="sm" c="dimmed">There is no kind with that name. Whatever can send an HTTP request can use <b>Webhook Event</b>.</Text>
        )}
      </Stack>
    </Surface>
  );
}

function Describe({ onBack, onCreated }: { onBack: () => void; onCreated: (id: string) => void }) {
  const [name, setName] = useState('');
  const [source, setSource] = useState('');
  const [object, setObject] = useState('');
  const [anonymous, setAnonymous] = useState(false);
  const client = useQueryClient();
  const create = useChange({
    change: api.connections.create,
    stale: [['connections']],
    quiet: true,
    done: (connection) => {
      client.setQueryData(queries.connection(connection.id).queryKey, connection);
      onCreated(connection.id);
    },
  });
  const problem = create.error instanceof ApiError ? create.error.problem : null;
  const message = (field: string) => problem?.errors?.find((e) => e.field === field || e.pointer === `/${field}`)?.message;
  const elsewhere = create.error !== null && !['name', 'event_source', 'event_object'].some((f) => message(f) !== undefined);
  return (
    <Surface>
      <form onSubmit={(event) => {
        event.preventDefault();
        create.mutate({ name: name.trim(), event_source: source.trim(), event_object: object.trim(), ...(anonymous ? { allow_anonymous: true } : {}) });
      }}>
        <Stack>
          <Title order={2}>Name and event</Title>
          <TextInput label="Name" description="What your team calls it" placeholder="CRM Leads" value={name} onChange={(e) => setName(e.currentTarget.value)} error={message('name')} required withAsterisk={false} maxLength={200} data-autofocus />
          <SimpleGrid cols={{ base: 1, xs: 2 }}>
            <TextInput label="Event source" description="The system that sends" placeholder="Pipedrive" value={source} onChange={(e) => setSource(e.currentTarget.value)} error={message('event_source')} required withAsterisk={false} />
            <TextInput label="Event object" description="What the events are about" placeholder="Lead" value={object} onChange={(e) => setObject(e.currentTarget.value)} error={message('event_object')} required withAsterisk={false} />
          </SimpleGrid>
          <Checkbox label="Take anonymous events" description="Events without an e-mail address are taken if they have event_adb_cdt" checked={anonymous} onChange={(e) => setAnonymous(e.currentTarget.checked)} />
          {elsewhere && <Failure error={create.error} />}
          <Group justify="space-between" mt="xs">
            <Button variant="subtle" color="gray" onClick={onBack}>Back</Button>
            <Button type="submit" loading={create.isPending} rightSection={<IconArrowRight size={16} />}>Next</Button>
          </Group>
        </Stack>
      </form>
    </Surface>
  );
}

function Connect({ id }: { id: string }) {
  const connection = useQuery(queries.connection(id));
  if (connection.error !== null) return <Failure error={connection.error} retry={() => void connection.refetch()} />;
  if (connection.data === undefined) return null;
  return <ConnectSteps connection={connection.data} fresh />;
}
