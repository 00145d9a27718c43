import { Alert, Button, Group, MultiSelect, Select, Stack, Text, TextInput, Title } from '@mantine/core';
import type { ImportColumn, ImportPlan, ImportPreview, ImportQuestion } from '../../api/imports';
import { formatNumber, plural } from '../../lib/format';
import {
  answer, change, dateForms, delimiters, encodings, fieldTargets, kindOf, memberOf, retarget, textTypes,
} from '../../lib/importPlan';
import { CodeBlock, Surface } from '../../ui/basics';
import { IconAlertTriangle } from '../../ui/icons';

const zones = Intl.supportedValuesOf('timeZone');

/** What the columns of a file become, to be changed and confirmed. */
export function ImportMapping({ preview, busy, failed, onPlan, onStart }: {
  preview: ImportPreview; busy: boolean; failed: boolean; onPlan: (plan: ImportPlan) => void; onStart: () => void;
}) {
  const plan = preview.plan;
  const open = preview.questions.length > 0;
  return (
    <Stack aria-busy={busy}>
      {preview.questions.map((q) => (
        <Question key={q.code + (q.column ?? '')} question={q} onAnswer={(choice) => onPlan(answer(plan, q, choice))} />
      ))}
      <Reading plan={plan} onPlan={onPlan} />
      <Columns preview={preview} onPlan={onPlan} />
      <Outcome preview={preview} />
      <Group justify="flex-end">
        {open && <Text size="sm" c="dimmed">Answer what is open first.</Text>}
        <Button onClick={onStart} disabled={open || failed} loading={busy}>Import</Button>
      </Group>
    </Stack>
  );
}

function Question({ question, onAnswer }: { question: ImportQuestion; onAnswer: (choice: string[]) => void }) {
  const choices = (question.choices ?? []).map((value) => ({ value, label: (question.code === 'date' ? dateForms.find((f) => f.value === value)?.label : undefined) ?? value }));
  const label = question.code === 'date' ? `Form of the dates of ${question.column ?? ''}` : 'Answer';
  return (
    <Alert color="yellow" variant="light" icon={<IconAlertTriangle size={18} />} title="Please decide" role="alert">
      <Stack gap="sm" align="flex-start">
        <Text size="sm">{question.message}</Text>
        {question.code === 'id'
          ? <MultiSelect label="Columns that tell rows apart" data={choices} onChange={onAnswer} w={420} searchable comboboxProps={{ withinPortal: true }} />
          : <Select label={label} data={choices} value={null} onChange={(value) => { if (value !== null) onAnswer([value]); }} w={320} searchable comboboxProps={{ withinPortal: true }} />}
      </Stack>
    </Alert>
  );
}

/** How the file is read. */
function Reading({ plan, onPlan }: { plan: ImportPreview['plan']; onPlan: (plan: ImportPlan) => void }) {
  // Another delimiter makes other columns: what was said of the old ones goes.
  const anew = (part: Partial<ImportPlan>) => onPlan({ ...plan, ...part, columns: [], id_from: [] });
  return (
    <Surface>
      <Group align="flex-end" gap="md">
        <Select label="Time zone of dates without one" data={zones.includes('UTC') ? zones : ['UTC', ...zones]} value={plan.timezone ?? 'UTC'} searchable w={280} allowDeselect={false}
          onChange={(value) => onPlan({ ...plan, timezone: value ?? 'UTC' })} comboboxProps={{ withinPortal: true }} />
        {plan.format === 'csv' && (
          <>
            <Select label="Between cells" data={delimiters} value={plan.delimiter ?? ','} w={140} allowDeselect={false} onChange={(value) => anew({ delimiter: value ?? ',' })} comboboxProps={{ withinPortal: true }} />
            <Select label="Encoding" data={encodings} value={plan.encoding ?? null} w={160} allowDeselect={false} onChange={(value) => anew({ encoding: value ?? '' })} comboboxProps={{ withinPortal: true }} />
            <Select label="First line" data={[{ value: 'names', label: 'Names of columns' }, { value: 'row', label: 'A row' }]} value={plan.no_header === true ? 'row' : 'names'} w={180} allowDeselect={false}
              onChange={(value) => anew({ no_header: value === 'row' })} comboboxProps={{ withinPortal: true }} />
          </>
        )}
        {(plan.id_from?.length ?? 0) > 0 && (
          <MultiSelect label="event_id is made of" data={plan.columns.map((c) => c.name)} value={plan.id_from ?? []} onChange={(value) => onPlan({ ...plan, id_from: value })} w={360} comboboxProps={{ withinPortal: true }} />
        )}
      </Group>
    </Surface>
  );
}

function Columns({ preview, onPlan }: { preview: ImportPreview; onPlan: (plan: ImportPlan) => void }) {
  const plan = preview.plan;
  const samples = new Map(preview.columns.map((c) => [c.name, c.samples]));
  const set = (columns: ImportColumn[]) => onPlan({ ...plan, columns });
  return (
    <Surface pad={false}>
      <div className="table-scroll">
        <table className="table" aria-label="Columns">
          <thead><tr><th>Column</th><th>For example</th><th>Goes to</th><th>As</th></tr></thead>
          <tbody>
            {plan.columns.map((c) => (
              <tr key={c.name}>
                <td className="mono nowrap">{c.name}</td>
                <td className="mono dim"><span className="ellipsis" style={{ display: 'block', maxWidth: 220 }}>{samples.get(c.name)?.[0]}</span></td>
                <td>
                  <Group gap="xs" wrap="nowrap">
                    <Select aria-label={`Where ${c.name} goes`} data={fieldTargets} value={kindOf(c.target)} w={190} size="xs" allowDeselect={false}
                      onChange={(value) => set(retarget(plan.columns, c.name, value ?? '-'))} comboboxProps={{ withinPortal: true }} />
                    {kindOf(c.target) === 'member' && <Member column={c} onRename={(path) => set(change(plan.columns, c.name, { target: `event_payload.${path}` }))} />}
                  </Group>
                </td>
                <td><Kind column={c} csv={plan.format === 'csv'} onChange={(part) => set(change(plan.columns, c.name, part))} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Surface>
  );
}

/** The path in the payload; it holds once it is left, so that no half of one is asked for. */
function Member({ column, onRename }: { column: ImportColumn; onRename: (path: string) => void }) {
  const path = memberOf(column.target);
  return (
    <TextInput key={path} aria-label={`Path of ${column.name} in the payload`} defaultValue={path} size="xs" w={200} className="mono"
      onBlur={(e) => { if (e.currentTarget.value !== path && e.currentTarget.value !== '') onRename(e.currentTarget.value); }}
      onKeyDown={(e) => { if (e.key === 'Enter') e.currentTarget.blur(); }} />
  );
}

function Kind({ column, csv, onChange }: { column: ImportColumn; csv: boolean; onChange: (part: Partial<ImportColumn>) => void }) {
  if (column.target === 'event_timestamp') {
    return <Select aria-label={`Form of the dates of ${column.name}`} data={dateForms} value={column.date ?? null} size="xs" w={260} allowDeselect={false} onChange={(value) => onChange({ date: value ?? '' })} comboboxProps={{ withinPortal: true }} />;
  }
  if (!csv || kindOf(column.target) !== 'member') return null;
  return <Select aria-label={`Type of ${column.name}`} data={textTypes} value={column.type ?? 'string'} size="xs" w={180} allowDeselect={false} onChange={(value) => onChange({ type: value ?? 'string' })} comboboxProps={{ withinPortal: true }} />;
}

/** What comes of it. */
function Outcome({ preview }: { preview: ImportPreview }) {
  const first = preview.events[0];
  return (
    <Stack gap="sm">
      {preview.warnings.map((text) => <Text key={text} size="sm" c="dimmed">{text}</Text>)}
      {preview.rows > 0 && (
        <Text size="sm" role="status">
          {preview.refused === 0
            ? `All of the first ${plural(preview.rows, 'row')} can be imported.`
            : `Of the first ${plural(preview.rows, 'row')} ${formatNumber(preview.refused)} would be refused:`}
        </Text>
      )}
      {preview.problems.length > 0 && (
        <ul style={{ margin: 0, paddingLeft: 18 }}>
          {preview.problems.slice(0, 8).map((p, i) => <li key={i}><Text size="sm" span>Row {formatNumber(p.row)}: {p.message}</Text></li>)}
        </ul>
      )}
      {first !== undefined && (
        <div><Title order={2} mb="xs">The first row becomes</Title><CodeBlock code={JSON.stringify(first, null, 2)} label="first event" maxHeight={280} /></div>
      )}
    </Stack>
  );
}
