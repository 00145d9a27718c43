/** Counts of the last hours as bars; the numbers are in the label. */
export function Sparkline({ values, label, width = 132, height = 30 }: {
  values: number[]; label: string; width?: number; height?: number;
}) {
  const max = Math.max(1, ...values);
  const step = width / Math.max(1, values.length);
  return (
    <svg width={width} height={height} preserveAspectRatio="none" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
      {values.map((value, i) => {
        const size = value === 0 ? 1.5 : Math.max(3, (value / max) * height);
        return (
          <rect key={i} x={i * step + 0.75} y={height - size} width={Math.max(1, step - 1.5)} height={size} rx={1}
            fill={value === 0 ? 'var(--tb-border)' : 'var(--mantine-color-river-5)'} />
        );
      })}
    </svg>
  );
}
