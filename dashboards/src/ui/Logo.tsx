/** The mark: three streams that become one. */
export function LogoMark({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="#0b7585" />
      <g fill="none" stroke="#fff" strokeLinecap="round" strokeWidth="2.6">
        <path d="M7 7c0 7 9 6 9 13v5" />
        <path d="M25 7c0 7-9 6-9 13" opacity=".75" />
        <path d="M16 6v12" opacity=".5" />
      </g>
    </svg>
  );
}
