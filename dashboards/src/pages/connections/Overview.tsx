import { Anchor, Button, Group, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { queries } from '../../api/queries';
import type { Connection } from '../../api/types';
import { useMay } from '../../app/session';
import { hourlyCounts } from '../../lib/activity';
import { formatCompact, viewerTimeZone } from '../../lib/format';
import { Ago, CopyField, Empty, Exact, Stat, Surface, useNow } from '../../ui/basics';
import { ReportView } from '../../ui/ReportView';
import { IconSend } from '../../ui/icons';
import { ConnectSteps, useTestEvent } from './ConnectSteps';

export function Overview({ connection }: { connection: Connection }) {
  const may = useMay();
  const now = useNow(60_000);
  const activity = useQuery(queries.activity());
  const test = useTestEvent(connection);
  if (connection.events_received === 0) {
    return may.manage
      ? <ConnectSteps connection={connection} />
      : <Surface><Empty title="No events yet">An administrator can copy the webhook URL and set up the system that sends.</Empty></Surface>;
  }
  const today = hourlyCounts(activity.data, connection.id, now, 24).reduce((a, b) => a + b, 0);
  return (
    <Stack gap="lg">
      <div className="stat-grid">
        <Stat label="Events received" value={formatCompact(connection.events_received)} note={<>created <Ago time={connection.created_at} /></>} />
        <Stat label="Last 24 hours" value={activity.data === undefined ? '–' : formatCompact(today)} note={today === 0 ? 'quiet' : `about ${formatCompact(Math.round(today / 24))} an hour`} />
        <Stat label="Last event" value={<span style={{ fontSize: '1.2rem' }}><Ago time={connection.last_event_at} /></span>} note={<Exact time={connection.last_event_at} />} />
      </div>
      <Surface>
        <Group justify="space-between" mb="xs">
          <Title order={2}>Events by day</Title>
          <Anchor component={Link} to={`/explore?m=count&c=${connection.id}`} size="sm">Explore</Anchor>
        </Group>
        <ReportView visualization="bar" height={220} query={{
          metrics: ['count'], connections: [connection.id], fill: true,
          time: { from: '-30d', to: 'now', granularity: 'day', timezone: viewerTimeZone() },
        }} />
      </Surface>
      {connection.webhook_url !== null && (
        <Surface>
          <Group justify="space-between" mb="sm">
            <Title order={2}>Webhook URL</Title>
            <Button size="xs" variant="light" leftSection={<IconSend size={15} />} loading={test.isPending} onClick={() => test.mutate(undefined)}>Send a test event</Button>
          </Group>
          <CopyField value={connection.webhook_url} label="Webhook URL" />
          {test.error !== null && <Text size="sm" c="var(--tb-bad)" mt="xs" role="alert">{test.error.message}</Text>}
          {test.isSuccess && <Text size="sm" c="dimmed" mt="xs" role="status">Sent. <Anchor component={Link} to={`/connections/${connection.id}/live`} inherit>See it arrive</Anchor>.</Text>}
          <Text size="sm" c="dimmed" mt="sm">Code for curl, Go, Python, Node and PHP is under <Anchor component={Link} to={`/connections/new?id=${connection.id}`} inherit>Set up the sender</Anchor>.</Text>
        </Surface>
      )}
    </Stack>
  );
}
