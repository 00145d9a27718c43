import { Button, Menu } from '@mantine/core';
import { api } from '../../api/client';
import type { ImportFormat } from '../../api/imports';
import { useChange } from '../../api/queries';
import type { Connection } from '../../api/types';
import { saveAnswer } from '../../lib/download';
import { IconDownload } from '../../ui/icons';

const formats: { value: ImportFormat; label: string }[] = [
  { value: 'csv', label: 'CSV, for spreadsheets' }, { value: 'ndjson', label: 'NDJSON, one event a line' }, { value: 'parquet', label: 'Parquet, for analysis' },
];

/** All events of a connection as a file that an import takes back. */
export function ExportMenu({ connection }: { connection: Connection }) {
  const save = useChange({
    change: (format: ImportFormat) => saveAnswer(() => api.imports.export(connection.id, format), `${connection.name.replaceAll(/[/\\:*?"<>|]/g, '-')}.${format}`),
    stale: [],
  });
  return (
    <Menu position="bottom-end">
      <Menu.Target><Button variant="default" loading={save.isPending} leftSection={<IconDownload size={17} />}>Export</Button></Menu.Target>
      <Menu.Dropdown>
        {formats.map((f) => <Menu.Item key={f.value} onClick={() => save.mutate(f.value)}>{f.label}</Menu.Item>)}
      </Menu.Dropdown>
    </Menu>
  );
}
