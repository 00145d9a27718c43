import { useState } from 'react';
import { Button, Group, Select, Stack, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { api } from '../../api/client';
import { queries, useChange } from '../../api/queries';
import type { Dashboard, SavedReport } from '../../api/types';
import { slugify } from '../../lib/format';
import { newPanel } from '../../lib/boards';
import { Dialog } from '../../ui/Dialog';
import { Failure } from '../../ui/basics';

const fresh = ':new';

type Unnamed<T> = T extends unknown ? Omit<T, 'slug' | 'title'> : never;
/** A saved report before it has a name. */
export type Question = Unnamed<SavedReport>;

/** Saves the question under a name, and puts it on a dashboard if wanted. */
export function SaveReport({ report, onClose }: { report: Question | null; onClose: () => void }) {
  const navigate = useNavigate();
  const [name, setName] = useState('');
  const [board, setBoard] = useState<string | null>(null);
  const [boardName, setBoardName] = useState('');
  const reports = useQuery(queries.reports());
  const dashboards = useQuery(queries.dashboards());
  const slug = slugify(name);
  const taken = reports.data?.some((r) => r.slug === slug) === true;
  const save = useChange({
    change: async () => {
      if (report === null) return null;
      await api.reports.put({ ...report, slug, title: name.trim() });
      if (board === null) return null;
      const target: Dashboard = board === fresh
        ? { slug: slugify(boardName), name: boardName.trim(), panels: [] }
        : await api.dashboards.get(board);
      const panels = target.panels.filter((p) => p.report !== slug);
      await api.dashboards.put({ ...target, panels: [...panels, newPanel(slug, report.visualization ?? 'table')] });
      return target.slug;
    },
    stale: [['reports'], ['dashboards'], ['report-data']],
    quiet: true,
    done: (to) => {
      notifications.show({ color: 'teal', message: `“${name.trim()}” was saved` });
      onClose();
      if (to !== null) void navigate(`/dashboards/${to}`);
    },
  });
  return (
    <Dialog onClose={onClose} title="Save report">
      <form onSubmit={(e) => { e.preventDefault(); save.mutate(undefined); }}>
        <Stack>
          <TextInput label="Name" value={name} onChange={(e) => setName(e.currentTarget.value)} placeholder="Revenue by day" required withAsterisk={false} data-autofocus description={taken ? 'A report with this name is replaced' : undefined} />
          <Select label="Dashboard" placeholder="None" clearable value={board} onChange={setBoard} data={[...(dashboards.data ?? []).map((d) => ({ value: d.slug, label: d.name })), { value: fresh, label: 'New dashboard…' }]} />
          {board === fresh && <TextInput label="Name of the dashboard" value={boardName} onChange={(e) => setBoardName(e.currentTarget.value)} required withAsterisk={false} />}
          {save.error !== null && <Failure error={save.error} />}
          <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" disabled={slug === '' || (board === fresh && slugify(boardName) === '')} loading={save.isPending}>{taken ? 'Replace' : 'Save'}</Button></Group>
        </Stack>
      </form>
    </Dialog>
  );
}
