import { useState } from 'react';
import { Button, Group, Select, Skeleton, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api } from '../../api/client';
import { queries, useChange } from '../../api/queries';
import { Dialog } from '../../ui/Dialog';
import { Ago, CopyField, Exact, Failure } from '../../ui/basics';

/** Links that show this dashboard and nothing else. */
export function Share({ slug, onClose }: { slug: string; onClose: () => void }) {
  const shares = useQuery(queries.shares(slug));
  const [name, setName] = useState('');
  const [life, setLife] = useState('720h');
  const create = useChange({
    change: () => api.dashboards.share(slug, { ...(name.trim() === '' ? {} : { name: name.trim() }), ...(life === '' ? {} : { expires_in: life }) }),
    stale: [['dashboards', slug, 'shares']], quiet: true, done: () => setName(''),
  });
  const end = useChange({ change: (id: string) => api.dashboards.unshare(slug, id), stale: [['dashboards', slug, 'shares']] });
  const link = create.data === undefined ? null : `${window.location.origin}/shared/${encodeURIComponent(slug)}#key=${create.data.key}`;
  return (
    <Dialog onClose={onClose} title="Share this dashboard" size="lg">
      <Stack>
        <Text size="sm" c="dimmed">Whoever has the link sees this dashboard, without signing in, and nothing else.</Text>
        <form onSubmit={(e) => { e.preventDefault(); create.mutate(undefined); }}>
          <Group align="flex-end" gap="sm">
            <TextInput className="grow" label="For whom" placeholder="Board meeting" value={name} onChange={(e) => setName(e.currentTarget.value)} />
            <Select label="Ends" w={150} allowDeselect={false} value={life} onChange={(v) => setLife(v ?? '')} data={[{ value: '24h', label: 'after a day' }, { value: '168h', label: 'after 7 days' }, { value: '720h', label: 'after 30 days' }, { value: '', label: 'never' }]} />
            <Button type="submit" loading={create.isPending}>Create link</Button>
          </Group>
        </form>
        {create.error !== null && <Failure error={create.error} />}
        {link !== null && <Stack gap={4}><CopyField value={link} label="Link" /><Text size="xs" c="dimmed">Copy it now: it is not shown again.</Text></Stack>}
        {shares.isPending && <Skeleton h={60} />}
        {(shares.data?.data.length ?? 0) > 0 && (
          <table className="table">
            <thead><tr><th>Link for</th><th>Made</th><th>Ends</th><th><span className="sr-only">Actions</span></th></tr></thead>
            <tbody>{shares.data?.data.map((s) => (
              <tr key={s.id}><td>{s.name !== undefined && s.name !== '' ? s.name : 'anybody'}</td><td className="dim"><Ago time={s.created_at} /></td><td className="dim">{s.expires_at === null || s.expires_at === undefined ? 'never' : <Exact time={s.expires_at} />}</td>
                <td style={{ textAlign: 'right' }}><Button size="compact-sm" variant="subtle" color="red" onClick={() => end.mutate(s.id)}>End</Button></td></tr>
            ))}</tbody>
          </table>
        )}
      </Stack>
    </Dialog>
  );
}
