import { useEffect, useRef } from 'react';
import { Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useParams } from 'react-router';
import { queries } from '../../api/queries';
import type { SavedReport } from '../../api/types';
import { ThemeSwitch } from '../../app/Shell';
import { useSession } from '../../app/session';
import { Waiting } from '../../app/Waiting';
import { Empty, Failure } from '../../ui/basics';
import { LogoMark } from '../../ui/Logo';
import { Board } from './Board';
import { ReportPanel } from './ReportPanel';
import { FullScreenButton } from './Toolbar';

/** A shared link: one dashboard, nothing around it. */
export function SharedDashboard() {
  const { slug = '' } = useParams();
  const { session } = useSession();
  const board = useRef<HTMLDivElement>(null);
  const dashboard = useQuery({ ...queries.dashboard(slug), enabled: session.state === 'signed-in', refetchInterval: 60_000 });
  const title = dashboard.data?.name ?? 'Dashboard';
  useEffect(() => {
    document.title = `${title} · Tributary`;
  }, [title]);
  if (session.state === 'checking') return <Waiting />;
  if (session.state === 'unreachable') return <Waiting retry={session.retry} />;
  if (session.state === 'signed-out') {
    return <main className="page"><Empty icon={<LogoMark size={40} />} title="This link does not work any more">It has ended, or part of it is missing. Ask whoever sent it for a new one.</Empty></main>;
  }
  const known = new Map<string, SavedReport>((dashboard.data?.reports ?? []).map((r) => [r.slug, r]));
  return (
    <main className="page page-wide">
      <Group justify="space-between" mb="lg">
        <Group gap="sm"><LogoMark /><div><Title order={1}>{title}</Title>{dashboard.data?.description !== undefined && <Text size="sm" c="dimmed">{dashboard.data.description}</Text>}</div></Group>
        <Group gap={6}><FullScreenButton target={board} /><ThemeSwitch /></Group>
      </Group>
      {dashboard.error !== null && <Failure error={dashboard.error} retry={() => void dashboard.refetch()} />}
      {dashboard.isPending && <Stack><Skeleton h={176} radius={12} /><Skeleton h={330} radius={12} /></Stack>}
      <Board ref={board} panels={(dashboard.data?.panels ?? []).map((panel) => {
        const report = known.get(panel.report);
        return { panel, report, body: report === undefined ? null : <ReportPanel report={report} range={{ from: '', to: '' }} refreshMs={60_000} /> };
      })} />
    </main>
  );
}
