import { useEffect } from 'react';
import { ActionIcon, AppShell, Burger, Group, Menu, Text, Tooltip, UnstyledButton, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { NavLink, Navigate, Outlet, useLocation, useNavigation } from 'react-router';
import {
  IconActivityHeartbeat, IconChartLine, IconKey, IconLayoutDashboard, IconLogout, IconMoon, IconPlugConnected, IconSun, IconSunMoon, IconTag, IconTerminal2, IconUser,
} from '../ui/icons';
import { LogoMark } from '../ui/Logo';
import { useSession, useMay } from './session';
import { SignIn } from './SignIn';
import { Waiting } from './Waiting';

interface Section { to: string; label: string; icon: typeof IconUser; needs?: 'analyse' | 'manage' }

const sections: Section[] = [
  { to: '/connections', label: 'Connections', icon: IconPlugConnected, needs: 'analyse' },
  { to: '/explore', label: 'Explore', icon: IconChartLine, needs: 'analyse' },
  { to: '/dashboards', label: 'Dashboards', icon: IconLayoutDashboard },
  { to: '/definitions', label: 'Definitions', icon: IconTag, needs: 'analyse' },
  { to: '/sql', label: 'SQL', icon: IconTerminal2, needs: 'analyse' },
  { to: '/people', label: 'People', icon: IconUser, needs: 'analyse' },
  { to: '/operate', label: 'Operate', icon: IconActivityHeartbeat, needs: 'analyse' },
  { to: '/access', label: 'API keys', icon: IconKey, needs: 'manage' },
];

export function ThemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const next = { auto: 'light', light: 'dark', dark: 'auto' } as const;
  const name = { auto: 'as the system', light: 'light', dark: 'dark' }[colorScheme];
  const Icon = { auto: IconSunMoon, light: IconSun, dark: IconMoon }[colorScheme];
  return (
    <Tooltip label={`Theme: ${name}`}>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={`Theme: ${name}. Change`} onClick={() => setColorScheme(next[colorScheme])}>
        <Icon size={19} />
      </ActionIcon>
    </Tooltip>
  );
}

export function Shell() {
  const { session } = useSession();
  if (session.state === 'checking') return <Waiting />;
  if (session.state === 'unreachable') return <Waiting retry={session.retry} />;
  if (session.state === 'signed-out') return <SignIn reason={session.reason} />;
  return <SignedIn />;
}

function SignedIn() {
  const [opened, { toggle, close }] = useDisclosure();
  const { signOut } = useSession();
  const may = useMay();
  const location = useLocation();
  const navigation = useNavigation();
  useEffect(() => close(), [location.pathname, close]);

  const visible = sections.filter((s) => s.needs === undefined || may[s.needs]);
  const allowed = location.pathname === '/' || !sections.some((s) => location.pathname.startsWith(s.to)) || visible.some((s) => location.pathname.startsWith(s.to));

  return (
    <AppShell
      header={{ height: { base: 56, sm: 0 } }}
      navbar={{ width: 224, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={0}
      transitionDuration={150}
    >
      <a className="skip-link" href="#main">Skip to content</a>
      <AppShell.Header className="shell-bar" hiddenFrom="sm">
        <Group h="100%" px="md" justify="space-between">
          <Brand />
          <Burger opened={opened} onClick={toggle} size="sm" aria-label={opened ? 'Close navigation' : 'Open navigation'} />
        </Group>
      </AppShell.Header>

      <AppShell.Navbar className="shell-bar" p={14} aria-label="Main">
        <Group px={8} pt={6} pb={18} visibleFrom="sm"><Brand /></Group>
        <AppShell.Section grow component="ul" style={{ listStyle: 'none', margin: 0, padding: 0, display: 'flex', flexDirection: 'column', gap: 2 }}>
          {visible.map(({ to, label, icon: Icon }) => (
            <li key={to}><NavLink className="nav-link" to={to}><Icon size={19} stroke={1.7} aria-hidden />{label}</NavLink></li>
          ))}
        </AppShell.Section>
        <AppShell.Section>
          <Group justify="space-between" wrap="nowrap" gap={4}>
            <Menu position="top-start" width={200}>
              <Menu.Target>
                <UnstyledButton className="nav-link grow">
                  <IconUser size={19} stroke={1.7} aria-hidden />
                  <span className="ellipsis">
                    <span className="sr-only">Signed in as</span>
                    <Text size="sm" fw={550} c="var(--mantine-color-text)" truncate lh={1.25}>{may.me?.name}</Text>
                    <Text size="xs" c="dimmed" lh={1.25}>{may.me?.role}</Text>
                  </span>
                </UnstyledButton>
              </Menu.Target>
              <Menu.Dropdown>
                {may.me?.version !== undefined && <Menu.Label>Tributary {may.me.version}</Menu.Label>}
                <Menu.Item component="a" href="/openapi.yaml" target="_blank">API document</Menu.Item>
                <Menu.Item leftSection={<IconLogout size={16} />} onClick={signOut}>Sign out</Menu.Item>
              </Menu.Dropdown>
            </Menu>
            <ThemeSwitch />
          </Group>
        </AppShell.Section>
      </AppShell.Navbar>

      <AppShell.Main id="main" tabIndex={-1} aria-busy={navigation.state === 'loading'}>
        {allowed ? <Outlet /> : <Outsider first={visible[0]?.to ?? '/dashboards'} at={location.pathname} />}
      </AppShell.Main>
    </AppShell>
  );
}

function Brand() {
  return (
    <Group gap={10} wrap="nowrap">
      <LogoMark />
      <Text fw={680} size="lg" lts="-0.02em" component="span">Tributary</Text>
    </Group>
  );
}

/** A role that may not see the page; the start page leads to what it may see. */
function Outsider({ first, at }: { first: string; at: string }) {
  if (at === '/connections') return <Navigate to={first} replace />;
  return (
    <div className="page">
      <Text size="lg" fw={600}>Your key may not open this page</Text>
      <Text c="dimmed" mt={4}>Ask an administrator for a key with another role.</Text>
    </div>
  );
}
