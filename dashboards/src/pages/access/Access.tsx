import { useState } from 'react';
import { Anchor, Button, Group, Modal, Select, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { api } from '../../api/client';
import { queries, useChange } from '../../api/queries';
import type { ApiKey, Role } from '../../api/types';
import { Dialog } from '../../ui/Dialog';
import { Ago, CopyField, Empty, Exact, Failure, Page, SkeletonRows, Surface } from '../../ui/basics';
import { IconKey, IconPlus } from '../../ui/icons';

const roleText: Record<Role, string> = { admin: 'Admin: everything', analyst: 'Analyst: events, reports, SQL, definitions', viewer: 'Viewer: reports and dashboards' };
const isRole = (text: string | null): text is Role => text !== null && text in roleText;

/** API keys: for people to sign in with, and for programs. */
export function Access() {
  const keys = useQuery(queries.keys());
  const [creating, setCreating] = useState(false);
  const [ending, setEnding] = useState<ApiKey | null>(null);
  const remove = useChange({ change: api.keys.remove, stale: [['keys']], done: () => setEnding(null) });
  return (
    <Page title="API keys" subtitle="For people to sign in with and for programs to read the API." actions={<Button leftSection={<IconPlus size={17} />} onClick={() => setCreating(true)}>Create key</Button>}>
      {keys.error !== null && <Failure error={keys.error} retry={() => void keys.refetch()} />}
      <Surface pad={false}>
        {keys.isPending && <SkeletonRows />}
        {keys.data?.length === 0 && <Empty icon={<IconKey size={38} stroke={1.3} />} title="No keys but the administrator’s">Give every person and program a key of its own, with no more than the role it needs.</Empty>}
        {(keys.data?.length ?? 0) > 0 && (
          <div className="table-scroll"><table className="table">
            <thead><tr><th>Name</th><th>Role</th><th>Made</th><th>Ends</th><th><span className="sr-only">Actions</span></th></tr></thead>
            <tbody>{keys.data?.map((k) => (
              <tr key={k.id}><td><b style={{ fontWeight: 600 }}>{k.name}</b></td><td>{k.dashboard === undefined ? <span className="tag">{k.role}</span> : <Text size="sm">link to <Anchor component={Link} inherit to={`/dashboards/${k.dashboard}`}>{k.dashboard}</Anchor></Text>}</td><td className="dim"><Ago time={k.created_at} /></td><td className="dim">{k.expires_at === null || k.expires_at === undefined ? 'never' : <Exact time={k.expires_at} />}</td>
                <td style={{ textAlign: 'right' }}><Button size="compact-sm" variant="subtle" color="red" onClick={() => setEnding(k)}>Delete</Button></td></tr>
            ))}</tbody>
          </table></div>
        )}
      </Surface>
      {creating && <NewKey onClose={() => setCreating(false)} />}
      <Modal opened={ending !== null} onClose={() => setEnding(null)} title={`Delete the key “${ending?.name ?? ''}”?`}>
        <Text size="sm" mb="md">Whoever uses it is shut out at once.</Text>
        <Group justify="flex-end"><Button variant="default" onClick={() => setEnding(null)}>Keep it</Button><Button color="red" loading={remove.isPending} onClick={() => { if (ending !== null) remove.mutate(ending.id); }}>Delete</Button></Group>
      </Modal>
    </Page>
  );
}

function NewKey({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const create = useChange({ change: () => api.keys.create({ name: name.trim(), role }), stale: [['keys']], quiet: true });
  return (
    <Dialog onClose={onClose} title="Create API key">
      {create.data === undefined ? (
        <form onSubmit={(e) => { e.preventDefault(); create.mutate(undefined); }}>
          <Stack>
            <TextInput label="Name" description="Who or what will use it" value={name} onChange={(e) => setName(e.currentTarget.value)} required withAsterisk={false} data-autofocus />
            <Select label="Role" allowDeselect={false} value={role} data={Object.entries(roleText).map(([value, label]) => ({ value, label }))} onChange={(v) => { if (isRole(v)) setRole(v); }} />
            {create.error !== null && <Failure error={create.error} />}
            <Group justify="flex-end"><Button variant="default" onClick={onClose}>Cancel</Button><Button type="submit" loading={create.isPending}>Create</Button></Group>
          </Stack>
        </form>
      ) : (
        <Stack>
          <Text size="sm">Copy the key now: it is not shown again.</Text>
          <CopyField value={create.data.key} label="Key" />
          <Text size="sm">Or hand out this sign-in link:</Text>
          <CopyField value={`${window.location.origin}/#key=${create.data.key}`} label="Sign-in link" />
          <Group justify="flex-end"><Button onClick={onClose}>Done</Button></Group>
        </Stack>
      )}
    </Dialog>
  );
}
