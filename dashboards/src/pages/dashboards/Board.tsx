/** Panels on a grid of twelve columns; arranged by dragging or by a menu. */
import { useState, type CSSProperties, type ReactNode, type Ref } from 'react';
import { ActionIcon, Group, Menu, Text, Title } from '@mantine/core';
import type { Panel, PanelHeight, SavedReport } from '../../api/types';
import { heights, move, resize, widths } from '../../lib/boards';
import { lookOf } from '../../lib/exploreState';
import { IconArrowLeft, IconArrowRight, IconDots, IconGripVertical, IconMinus, IconPlus, IconTrash } from '../../ui/icons';

export interface BoardPanel {
  panel: Panel;
  report: SavedReport | undefined;
  body: ReactNode;
  /** More entries of the panel's menu. */
  menu?: ReactNode;
}

export function Board({ panels, editing = false, onChange, ref }: {
  panels: BoardPanel[]; editing?: boolean; onChange?: (panels: Panel[]) => void; ref?: Ref<HTMLDivElement>;
}) {
  const [dragged, setDragged] = useState<number | null>(null);
  const [over, setOver] = useState<number | null>(null);
  const plain = panels.map((p) => p.panel);
  const patch = (index: number, change: Partial<Panel>) => onChange?.(plain.map((p, i) => (i === index ? { ...p, ...change } : p)));
  const drop = (to: number) => {
    if (dragged !== null && dragged !== to) onChange?.(move(plain, dragged, to));
    setDragged(null);
    setOver(null);
  };
  return (
    <div className="board" ref={ref}>
      {panels.map(({ panel, report, body, menu }, i) => {
        const title = panel.title ?? report?.title ?? panel.report;
        const style = { '--panel-width': panel.width, '--panel-height': `${heights[panel.height]}px` } as CSSProperties;
        return (
          <section key={panel.report} aria-label={title} style={style}
            className={`surface panel ${report !== undefined && lookOf(report) === 'number' ? 'panel-number' : ''}`}
            data-dragging={dragged === i} data-over={over === i && dragged !== i}
            {...(editing ? {
              draggable: true,
              onDragStart: () => setDragged(i),
              onDragEnd: () => { setDragged(null); setOver(null); },
              onDragOver: (e) => { e.preventDefault(); setOver(i); },
              onDrop: (e) => { e.preventDefault(); drop(i); },
            } : {})}>
            <Group justify="space-between" wrap="nowrap" gap={6} mb={8}>
              <Group gap={6} wrap="nowrap" className="grow">
                {editing && <IconGripVertical size={16} style={{ cursor: 'grab', flex: 'none' }} aria-hidden />}
                <Title order={2} size="h3" className="ellipsis">{title}</Title>
              </Group>
              {(editing || menu !== undefined) && (
                <Menu position="bottom-end" closeOnItemClick={!editing} width={190}>
                  <Menu.Target><ActionIcon variant="subtle" color="gray" size="sm" aria-label={`Panel ${title}`}><IconDots size={16} /></ActionIcon></Menu.Target>
                  <Menu.Dropdown>
                    {menu}
                    {editing && (
                      <>
                        <Menu.Item leftSection={<IconArrowLeft size={15} />} disabled={i === 0} onClick={() => onChange?.(move(plain, i, i - 1))}>Move before</Menu.Item>
                        <Menu.Item leftSection={<IconArrowRight size={15} />} disabled={i === panels.length - 1} onClick={() => onChange?.(move(plain, i, i + 1))}>Move behind</Menu.Item>
                        <Menu.Item leftSection={<IconPlus size={15} />} disabled={panel.width === widths.at(-1)} onClick={() => patch(i, { width: resize(panel.width, 1) })}>Wider</Menu.Item>
                        <Menu.Item leftSection={<IconMinus size={15} />} disabled={panel.width === widths[0]} onClick={() => patch(i, { width: resize(panel.width, -1) })}>Narrower</Menu.Item>
                        {(['s', 'm', 'l'] as PanelHeight[]).map((h) => <Menu.Item key={h} disabled={panel.height === h} onClick={() => patch(i, { height: h })}>{{ s: 'Low', m: 'Medium', l: 'High' }[h]}</Menu.Item>)}
                        <Menu.Item color="red" leftSection={<IconTrash size={15} />} onClick={() => onChange?.(plain.filter((_, at) => at !== i))}>Take off</Menu.Item>
                      </>
                    )}
                  </Menu.Dropdown>
                </Menu>
              )}
            </Group>
            <div className="panel-body">{report === undefined ? <Text size="sm" c="dimmed">The report “{panel.report}” was deleted.</Text> : body}</div>
          </section>
        );
      })}
    </div>
  );
}
