/** A table that draws only the rows in view, so that 10,000 are as quick as ten. */
import { useMemo, useRef, useState } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import type { Cell, Column, Granularity } from '../api/types';
import { formatDateTime, formatNumber } from '../lib/format';
import { timeLabel } from '../lib/series';
import { IconArrowDown, IconArrowUp } from './icons';

const rowHeight = 35;

interface Sort {
  column: number;
  descending: boolean;
}

export function isNumeric(column: Column, rows: Cell[][], index: number): boolean {
  if (/^(number|integer|float|u?int|decimal|Nullable\((U?Int|Float|Decimal)|U?Int|Float|Decimal)/.test(column.type)) return true;
  const first = rows.find((row) => row[index] !== null && row[index] !== undefined)?.[index];
  return typeof first === 'number';
}

/** Nulls last, numbers by size, the rest as text. */
export function compareCells(a: Cell | undefined, b: Cell | undefined): number {
  const empty = (x: Cell | undefined) => x === null || x === undefined;
  if (empty(a) || empty(b)) return empty(a) && empty(b) ? 0 : empty(a) ? 1 : -1;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const text = (x: Cell | undefined) => (typeof x === 'object' ? JSON.stringify(x) : String(x));
  return text(a).localeCompare(text(b));
}

export function DataTable({ columns, rows, height, label, name = (c) => c.label ?? c.name, granularity, timezone, onRow }: {
  columns: Column[]; rows: Cell[][]; height: number | '100%'; label: string; name?: (column: Column) => string;
  granularity?: Granularity; timezone?: string; onRow?: (row: Cell[]) => void;
}) {
  const host = useRef<HTMLDivElement>(null);
  const [sort, setSort] = useState<Sort | null>(null);
  const numeric = useMemo(() => columns.map((c, i) => isNumeric(c, rows, i)), [columns, rows]);
  const sorted = useMemo(() => {
    if (sort === null) return rows;
    const direction = sort.descending ? -1 : 1;
    return rows.toSorted((a, b) => {
      const [x, y] = [a[sort.column], b[sort.column]];
      const order = compareCells(x, y);
      return x === null || y === null || x === undefined || y === undefined ? order : order * direction;
    });
  }, [rows, sort]);
  const virtual = useVirtualizer({ count: sorted.length, getScrollElement: () => host.current, estimateSize: () => rowHeight, overscan: 16 });

  const template = columns.map((c, i) => (numeric[i] === true ? 'minmax(96px, 1fr)' : /json|map|tuple|array/i.test(c.type) ? 'minmax(260px, 2.5fr)' : 'minmax(130px, 1.4fr)')).join(' ');
  const minWidth = columns.reduce((sum, c, i) => sum + (numeric[i] === true ? 96 : /json/i.test(c.type) ? 260 : 130), 0);
  const toggle = (column: number) => setSort((now) => (now?.column !== column ? { column, descending: numeric[column] === true } : now.descending === (numeric[column] === true) ? { column, descending: !now.descending } : null));
  const natural = rows.length * rowHeight + 42;

  return (
    // A scrolling region has to be reachable by keyboard.
    <div ref={host} className="grid-table" role="table" aria-label={label} aria-rowcount={sorted.length + 1} tabIndex={0}
      style={{ height: height === '100%' ? '100%' : Math.min(height, natural) }}>
      <div role="rowgroup" className="grid-head" style={{ minWidth }}>
        <div role="row" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
          {columns.map((c, i) => {
            const active = sort?.column === i;
            return (
              <div key={`${c.name}-${i}`} role="columnheader" className={numeric[i] === true ? 'num' : undefined} aria-sort={active ? (sort.descending ? 'descending' : 'ascending') : 'none'}>
                <button type="button" onClick={() => toggle(i)} title={c.name}><span className="ellipsis">{name(c)}</span>{active && (sort.descending ? <IconArrowDown size={13} aria-hidden /> : <IconArrowUp size={13} aria-hidden />)}</button>
              </div>
            );
          })}
        </div>
      </div>
      <div role="rowgroup" style={{ height: virtual.getTotalSize(), position: 'relative', minWidth }}>
        {virtual.getVirtualItems().map((item) => {
          const row = sorted[item.index] ?? [];
          return (
            <div key={item.key} role="row" aria-rowindex={item.index + 2} className="body-row"
              style={{ gridTemplateColumns: template, position: 'absolute', insetInline: 0, top: 0, height: rowHeight, transform: `translateY(${item.start}px)` }}
              {...(onRow === undefined ? {} : { onDoubleClick: () => onRow(row) })}>
              {columns.map((c, i) => <CellView key={i} cell={row[i]} numeric={numeric[i] === true} time={c.name === 'time'} column={c} granularity={granularity} timezone={timezone} />)}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function CellView({ cell, numeric, time, column, granularity, timezone }: {
  cell: Cell | undefined; numeric: boolean; time: boolean; column: Column; granularity?: Granularity; timezone?: string;
}) {
  if (cell === null || cell === undefined) return <div role="cell" className={numeric ? 'num null' : 'null'}>none</div>;
  if (typeof cell === 'number') return <div role="cell" className="num">{formatNumber(cell)}</div>;
  let text = typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
  if (time && granularity !== undefined) text = timeLabel(text, granularity, timezone);
  else if (/^(datetime|DateTime)/i.test(column.type) && /^\d{4}-\d{2}-\d{2}T/.test(text)) text = formatDateTime(new Date(text));
  return <div role="cell" className={`${numeric ? 'num' : ''} ${typeof cell === 'object' ? 'mono' : ''}`} title={text}>{text}</div>;
}
