import { Alert, Button, createTheme, type CSSVariablesResolver, type MantineColorsTuple } from '@mantine/core';

/** The one accent: river water. Shade 7 on white and white on shade 7 both pass WCAG AA. */
const river: MantineColorsTuple = [
  '#e8f6f8', '#d0ebef', '#a1d7df', '#70c2cd', '#47afbe', '#2a9dae', '#15899b', '#0b7585', '#0a616f', '#084a55',
];

/** Greys with a breath of the accent, so that dark is calm instead of black. */
const dark: MantineColorsTuple = [
  '#d5dddf', '#b4bfc3', '#94a2a7', '#6d7d83', '#3b494f', '#2c383d', '#1f292d', '#11181b', '#0d1316', '#090e10',
];

const gray: MantineColorsTuple = [
  '#f6f8f8', '#eef2f2', '#e2e8e9', '#d3dbdd', '#bcc7ca', '#93a1a6', '#647479', '#465459', '#2d393d', '#1a2326',
];

const fontFamily =
  '"Inter Variable", -apple-system, BlinkMacSystemFont, "Segoe UI Variable Text", "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif';
const fontFamilyMonospace =
  'ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Noto Sans Mono", "Liberation Mono", monospace';

const dialog = {
  content: { backgroundColor: 'var(--tb-surface)' },
  header: { backgroundColor: 'var(--tb-surface)' },
  title: { fontWeight: 620, fontSize: 'var(--mantine-font-size-lg)' },
};

/** Alerts in our own soft colours: good, look at this, bad. */
const tone = (name: string) => ({ '--alert-bg': `var(--tb-${name}-soft)`, '--alert-color': `var(--tb-${name})` });
const softRed = { '--button-bg': 'var(--tb-bad-soft)', '--button-color': 'var(--tb-bad)', '--button-hover': 'color-mix(in srgb, var(--tb-bad) 22%, transparent)' };
const tones: Record<string, Record<string, string>> = { red: tone('bad'), yellow: tone('warn'), teal: tone('good') };

export const theme = createTheme({
  primaryColor: 'river',
  primaryShade: { light: 7, dark: 7 },
  colors: { river, dark, gray },
  black: '#16211f',
  fontFamily,
  fontFamilyMonospace,
  defaultRadius: 'md',
  cursorType: 'pointer',
  respectReducedMotion: true,
  fontSizes: { xs: '0.78rem', sm: '0.875rem', md: '0.9375rem', lg: '1.0625rem', xl: '1.25rem' },
  headings: {
    fontFamily,
    fontWeight: '640',
    sizes: {
      h1: { fontSize: '1.5rem', lineHeight: '1.25' },
      h2: { fontSize: '1.125rem', lineHeight: '1.35' },
      h3: { fontSize: '0.9375rem', lineHeight: '1.4' },
    },
  },
  components: {
    Button: Button.extend({
      defaultProps: { size: 'sm' },
      vars: (_theme, props) => ({ root: props.color === 'red' && props.variant === 'light' ? softRed : {} }),
    }),
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true } },
    Modal: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' }, centered: true, overlayProps: { backgroundOpacity: 0.4, blur: 2 }, radius: 'lg' }, styles: dialog },
    Drawer: { defaultProps: { closeButtonProps: { 'aria-label': 'Close' }, overlayProps: { backgroundOpacity: 0.35 } }, styles: dialog },
    Alert: Alert.extend({ vars: (_theme, props) => ({ root: tones[props.color ?? ''] ?? {} }) }),
    Menu: { defaultProps: { shadow: 'md', radius: 'md' } },
    Loader: { defaultProps: { type: 'dots' } },
  },
});

/** Colours of our own, one meaning each, in both schemes. */
export const cssVariablesResolver: CSSVariablesResolver = (t) => ({
  variables: {},
  light: {
    '--mantine-color-body': '#f6f8f8',
    '--mantine-color-dimmed': '#5a6a6f',
    '--mantine-color-placeholder': '#6b7a7f',
    '--mantine-color-error': '#c22a2a',
    '--tb-surface': '#ffffff',
    '--tb-surface-2': '#f6f8f8',
    '--tb-border': '#e2e8e9',
    '--tb-line': '#edf1f1',
    '--tb-accent': '#0b7585',
    '--tb-accent-soft': '#e8f6f8',
    '--tb-good': '#12714a',
    '--tb-good-soft': '#e2f5ea',
    '--tb-warn': '#8a5700',
    '--tb-warn-soft': '#fdf2d8',
    '--tb-bad': '#b92525',
    '--tb-bad-soft': '#fdeaea',
    '--tb-code-key': '#0a616f',
    '--tb-code-string': '#46700f',
    '--tb-code-number': '#a0440a',
    '--tb-code-atom': '#7a35a8',
    '--tb-shadow': '0 1px 2px rgb(16 40 45 / 5%)',
  },
  dark: {
    '--mantine-color-body': t.colors.dark[7],
    '--mantine-color-dimmed': '#98a7ac',
    '--mantine-color-placeholder': '#8b9a9f',
    '--mantine-color-error': '#ff8a84',
    '--tb-surface': '#182124',
    '--tb-surface-2': '#141c1f',
    '--tb-border': '#29353a',
    '--tb-line': '#222d31',
    '--tb-accent': '#56bccb',
    '--tb-accent-soft': '#12333a',
    '--tb-good': '#5dcb94',
    '--tb-good-soft': '#13342a',
    '--tb-warn': '#e9b757',
    '--tb-warn-soft': '#3a2e14',
    '--tb-bad': '#ff8a84',
    '--tb-bad-soft': '#3d1f20',
    '--tb-code-key': '#6fcbd8',
    '--tb-code-string': '#a9d178',
    '--tb-code-number': '#f0a672',
    '--tb-code-atom': '#cfa0f0',
    '--tb-shadow': '0 1px 2px rgb(0 0 0 / 25%)',
  },
});
