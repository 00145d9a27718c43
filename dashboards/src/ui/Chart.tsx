/**
 * Lines and bars, drawn by ECharts. Tooltips are DOM nodes with classes and no
 * style attributes in markup, as the Content-Security-Policy demands.
 */
import { useEffect, useRef } from 'react';
import { BarChart, LineChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from 'echarts/components';
import { init, use as register, type EChartsType } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useComputedColorScheme } from '@mantine/core';
import type { Series } from '../lib/series';
import { formatCompact, formatNumber } from '../lib/format';

register([BarChart, LineChart, GridComponent, TooltipComponent, LegendComponent, AriaComponent, CanvasRenderer]);

export interface ChartProps {
  kind: 'line' | 'bar';
  categories: string[];
  series: Series[];
  label: string;
  height: number | '100%';
  /** Bars lie on their side where categories are names. */
  horizontal?: boolean;
  onPick?: (index: number, series: number) => void;
}

// Told apart by hue and by lightness; the first is the accent.
const palette = {
  light: ['#0b7585', '#d9792b', '#5b5fc7', '#2f9e5f', '#b8336a', '#8a6d3b', '#3b82c4', '#7d8b90'],
  dark: ['#3fb3c4', '#eb9b57', '#9498f0', '#5dcb94', '#e77aa6', '#c7a873', '#72aee6', '#98a7ac'],
};

function tooltip(title: string, rows: { name: string; value: string; color: string }[]): HTMLElement {
  const root = document.createElement('div');
  root.className = 'chart-tip';
  const head = document.createElement('div');
  head.className = 'chart-tip-title';
  head.textContent = title;
  root.append(head);
  for (const row of rows) {
    const line = document.createElement('div');
    line.className = 'chart-tip-row';
    const name = document.createElement('span');
    name.className = 'chart-tip-name';
    const dot = document.createElement('span');
    dot.className = 'chart-tip-dot';
    dot.style.background = row.color;
    name.append(dot, row.name);
    const value = document.createElement('b');
    value.textContent = row.value;
    line.append(name, value);
    root.append(line);
  }
  return root;
}

export default function Chart({ kind, categories, series, label, height, horizontal = false, onPick }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const scheme = useComputedColorScheme('light');
  const pick = useRef(onPick);
  useEffect(() => {
    pick.current = onPick;
  });

  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const made = init(element, null, { renderer: 'canvas' });
    chart.current = made;
    const resize = new ResizeObserver(() => made.resize());
    resize.observe(element);
    made.on('click', (event) => {
      pick.current?.(event.dataIndex, event.seriesIndex ?? 0);
    });
    return () => {
      resize.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const text = color('--mantine-color-dimmed');
    const font = { color: text, fontFamily: color('--mantine-font-family') || 'sans-serif', fontSize: 12 };
    const colors = palette[scheme];
    const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
    const many = categories.length > 400;
    const names = { type: 'category' as const, data: categories, axisLine: { lineStyle: { color: color('--tb-border') } }, axisTick: { show: false }, axisLabel: { ...font, hideOverlap: true, width: horizontal ? 150 : undefined, overflow: horizontal ? ('truncate' as const) : undefined }, inverse: horizontal };
    const values = { type: 'value' as const, splitLine: { lineStyle: { color: color('--tb-line') } }, axisLabel: { ...font, formatter: (v: number) => formatCompact(v) }, splitNumber: 4 };
    chart.current?.setOption({
      animation: !still && !many,
      animationDuration: 300,
      aria: { enabled: true, label: { description: label } },
      textStyle: font,
      color: colors,
      grid: { left: 6, right: 14, top: series.length > 1 ? 38 : 12, bottom: 4, outerBoundsMode: 'same', outerBoundsContain: 'axisLabel' },
      legend: series.length > 1 ? { data: series.map((s) => ({ name: s.name, ...(s.dashed === true ? { itemStyle: { opacity: 0.4 } } : {}) })), type: 'scroll', top: 0, left: 0, icon: 'roundRect', itemWidth: 10, itemHeight: 10, itemGap: 16, textStyle: { ...font, overflow: 'truncate', width: 180 } } : { show: false },
      tooltip: {
        trigger: 'axis', confine: true, appendTo: 'body', backgroundColor: color('--tb-surface'), borderColor: color('--tb-border'), padding: [8, 12],
        axisPointer: { type: kind === 'bar' ? 'shadow' : 'line', lineStyle: { color: color('--tb-border') }, shadowStyle: { color: 'rgba(128,150,155,0.1)' } },
        formatter: (given: unknown) => {
          const points = (Array.isArray(given) ? given : [given]) as { dataIndex: number; seriesIndex: number; seriesName: string; value: unknown; color: string }[];
          const first = points[0];
          return tooltip(first === undefined ? '' : categories[first.dataIndex] ?? '', points.map((p) => ({
            name: p.seriesName, color: p.color, value: typeof p.value === 'number' ? formatNumber(p.value) : '–',
          })));
        },
      },
      xAxis: horizontal ? values : { ...names, boundaryGap: kind === 'bar' },
      yAxis: horizontal ? names : values,
      series: series.map((s, i) => {
        const line = s.dashed === true ? colors[(s.colorOf ?? i) % colors.length] : undefined;
        return kind === 'line'
          ? {
              type: 'line', name: s.name, data: s.values, showSymbol: categories.length < 2, symbolSize: 6, connectNulls: false, sampling: many ? 'lttb' : undefined,
              lineStyle: { width: 2, type: s.dashed === true ? 'dashed' : 'solid', opacity: s.dashed === true ? 0.55 : 1, color: line }, itemStyle: { color: line },
              areaStyle: series.filter((x) => x.dashed !== true).length === 1 && s.dashed !== true ? { opacity: 0.09 } : undefined,
            }
          : { type: 'bar', name: s.name, data: s.values, barMaxWidth: horizontal ? 22 : 38, itemStyle: { borderRadius: horizontal ? [0, 4, 4, 0] : [4, 4, 0, 0], color: line, opacity: s.dashed === true ? 0.4 : 1 } };
      }),
    }, { notMerge: true });
  }, [kind, categories, series, label, horizontal, scheme]);

  return <div ref={host} className="chart" style={{ height, cursor: onPick === undefined ? undefined : 'pointer' }} role="img" aria-label={label} />;
}
