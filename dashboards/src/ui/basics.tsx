/** Small parts that every page uses. */
import { useEffect, useState, type ReactNode } from 'react';
import { ActionIcon, Alert, Anchor, Button, CopyButton, Group, Skeleton, Stack, Text, Title, Tooltip } from '@mantine/core';
import { Link } from 'react-router';
import { ApiError, UnreachableError } from '../api/client';
import type { ConnectionStatus, Health } from '../api/types';
import { formatDateTime, formatRelative, parseTime, sentence } from '../lib/format';
import { IconAlertTriangle, IconCheck, IconCopy } from './icons';

export function Page({ title, subtitle, back, actions, wide, children }: {
  title: ReactNode; subtitle?: ReactNode; back?: { to: string; label: string }; actions?: ReactNode; wide?: boolean; children: ReactNode;
}) {
  useEffect(() => {
    if (typeof title === 'string') document.title = `${title} · Tributary`;
  }, [title]);
  return (
    <div className={wide === true ? 'page page-wide' : 'page'}>
      {back !== undefined && (
        <Anchor component={Link} to={back.to} size="sm" c="dimmed" mb={6} display="inline-block">
          ← {back.label}
        </Anchor>
      )}
      <Group justify="space-between" align="flex-start" mb="lg" gap="md">
        <div className="grow">
          <Title order={1}>{title}</Title>
          {subtitle !== undefined && <Text c="dimmed" size="sm" mt={4} component="div">{subtitle}</Text>}
        </div>
        {actions !== undefined && <Group gap="sm">{actions}</Group>}
      </Group>
      {children}
    </div>
  );
}

export function Surface({ children, pad = true, className = '' }: { children: ReactNode; pad?: boolean; className?: string }) {
  return <div className={`surface ${pad ? 'surface-pad' : ''} ${className}`}>{children}</div>;
}

/** Nothing here yet, and what to do about it. */
export function Empty({ icon, title, children, action }: { icon?: ReactNode; title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <Stack align="center" gap={8} py={48} px="lg" ta="center">
      {icon !== undefined && <Text c="dimmed" component="div" mb={4} aria-hidden>{icon}</Text>}
      <Title order={2}>{title}</Title>
      {children !== undefined && <Text c="dimmed" size="sm" maw={440} component="div">{children}</Text>}
      {action !== undefined && <div style={{ marginTop: 12 }}>{action}</div>}
    </Stack>
  );
}

/** An error with a cause and a way on. */
export function Failure({ error, retry, title }: { error: Error; retry?: () => void; title?: string }) {
  const unreachable = error instanceof UnreachableError;
  const problem = error instanceof ApiError ? error.problem : null;
  // The detail says what a single error says.
  const several = problem?.errors !== undefined && problem.errors.length > 1 ? problem.errors : [];
  const heading = title ?? (unreachable ? 'The server does not answer' : problem?.title ?? 'Something went wrong');
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle size={18} />} title={heading} role="alert">
      <Stack gap={8} align="flex-start">
        <Text size="sm">
          {unreachable ? 'Is Tributary running? The page goes on by itself once it answers.' : sentence(problem?.detail ?? error.message)}
        </Text>
        {several.length > 0 && (
          <ul style={{ margin: 0, paddingLeft: 18 }}>
            {several.slice(0, 8).map((e, i) => (
              <li key={i}><Text size="sm" span><code>{e.pointer ?? e.field}</code> {e.message}</Text></li>
            ))}
          </ul>
        )}
        {problem?.request_id !== undefined && <Text size="xs" c="dimmed">Request {problem.request_id}</Text>}
        {retry !== undefined && <Button size="xs" variant="default" onClick={retry}>Try again</Button>}
      </Stack>
    </Alert>
  );
}

const statusText: Record<ConnectionStatus, string> = {
  awaiting_data: 'Awaiting data', connected: 'Connected', paused: 'Paused',
};
const statusClass: Record<ConnectionStatus, string> = {
  awaiting_data: 'status-waiting', connected: 'status-good', paused: 'status-idle',
};

export function StatusLabel({ status }: { status: ConnectionStatus }) {
  return <span className={`status ${statusClass[status]}`}>{statusText[status]}</span>;
}

const healthClass: Record<Health, string> = { ok: 'status-good', degraded: 'status-warn', down: 'status-bad' };
export function HealthLabel({ state, children }: { state: Health; children: ReactNode }) {
  return <span className={`status ${healthClass[state]}`}>{children}</span>;
}

/** The current time, renewed so that "3 minutes ago" stays true. */
export function useNow(everyMs = 10_000): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** A time in the viewer's zone, relative with the exact one on hover. */
export function Ago({ time, none = 'never' }: { time: string | null | undefined; none?: string }) {
  const now = useNow();
  const date = parseTime(time);
  if (date === null) return <span className="dim">{none}</span>;
  return <time dateTime={date.toISOString()} title={formatDateTime(date)}>{formatRelative(date, now)}</time>;
}

export function Exact({ time }: { time: string | null | undefined }) {
  const date = parseTime(time);
  return date === null ? <span className="dim">–</span> : <time dateTime={date.toISOString()}>{formatDateTime(date)}</time>;
}

export function CopyIcon({ value, label }: { value: string; label: string }) {
  return (
    <CopyButton value={value} timeout={1600}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? 'Copied' : label}>
          <ActionIcon variant="subtle" color={copied ? 'teal' : 'gray'} onClick={copy} aria-label={copied ? 'Copied' : label}>
            {copied ? <IconCheck size={17} /> : <IconCopy size={17} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}

/** A value to copy, with the button people look for. */
export function CopyField({ value, label }: { value: string; label: string }) {
  return (
    <div className="copy-field">
      <code aria-label={label}>{value}</code>
      <CopyButton value={value} timeout={1600}>
        {({ copied, copy }) => (
          <Button size="xs" variant={copied ? 'light' : 'filled'} onClick={copy}
            leftSection={copied ? <IconCheck size={15} /> : <IconCopy size={15} />}>
            {copied ? 'Copied' : 'Copy'}
          </Button>
        )}
      </CopyButton>
    </div>
  );
}

export function CodeBlock({ code, label, maxHeight }: { code: string; label: string; maxHeight?: number }) {
  return (
    <div style={{ position: 'relative' }}>
      {/* A scrolling region has to be reachable by keyboard. */}
      <pre className="code" tabIndex={0} aria-label={label} style={maxHeight === undefined ? undefined : { maxHeight }}>{code}</pre>
      <div style={{ position: 'absolute', top: 8, right: 8 }}><CopyIcon value={code} label={`Copy ${label}`} /></div>
    </div>
  );
}

export function SkeletonRows({ count = 4, height = 58 }: { count?: number; height?: number }) {
  return (
    <Stack gap={1} aria-busy="true" aria-label="Loading">
      {Array.from({ length: count }, (_, i) => (
        <Group key={i} px={20} h={height} gap="lg" wrap="nowrap">
          <Skeleton height={12} width={`${28 + ((i * 13) % 20)}%`} radius="xl" />
          <Skeleton height={12} width="14%" radius="xl" />
          <Skeleton height={12} width="20%" radius="xl" />
        </Group>
      ))}
    </Stack>
  );
}

export function Stat({ label, value, note, tone }: { label: string; value: ReactNode; note?: ReactNode; tone?: 'good' | 'warn' | 'bad' }) {
  return (
    <div className="surface stat">
      <div className="stat-label">{label}</div>
      <div className={`stat-value ${tone ?? ''}`}>{value}</div>
      {note !== undefined && <Text size="xs" c="dimmed" component="div">{note}</Text>}
    </div>
  );
}
