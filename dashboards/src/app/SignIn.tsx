import { useEffect, useState } from 'react';
import { Alert, Button, Center, Checkbox, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { ApiError } from '../api/client';
import { LogoMark } from '../ui/Logo';
import { useSession } from './session';

const reasons = {
  none: null,
  refused: 'The key in this link is not valid any more. Use a newer link, or type a key.',
  ended: 'Your key is no longer valid. Sign in again.',
};

export function SignIn({ reason }: { reason: keyof typeof reasons }) {
  const { signIn } = useSession();
  const [key, setKey] = useState('');
  const [remember, setRemember] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);

  useEffect(() => {
    document.title = 'Sign in · Tributary';
  }, []);

  const submit = async () => {
    setBusy(true);
    setError(null);
    try {
      await signIn(key.trim(), remember);
    } catch (failure) {
      const refused = failure instanceof ApiError && failure.status === 401;
      setError(refused ? 'No such key. Check that all of it was copied.' : failure instanceof Error ? failure.message : String(failure));
      setBusy(false);
    }
  };

  return (
    <Center mih="100dvh" p="md" component="main">
      <Stack w="100%" maw={400} gap="lg">
        <Stack align="center" gap={10}>
          <LogoMark size={52} />
          <Title order={1}>Sign in to Tributary</Title>
          <Text c="dimmed" size="sm" ta="center">Open the sign-in link that <code>tributary serve</code> printed, or enter an API key.</Text>
        </Stack>
        <form className="surface surface-pad" onSubmit={(event) => { event.preventDefault(); void submit(); }}>
          <Stack>
            {reasons[reason] !== null && error === null && <Alert color="yellow" variant="light">{reasons[reason]}</Alert>}
            <PasswordInput label="API key" value={key} onChange={(e) => setKey(e.currentTarget.value)} error={error} autoComplete="current-password" required withAsterisk={false} data-autofocus />
            <Checkbox label="Stay signed in on this device" checked={remember} onChange={(e) => setRemember(e.currentTarget.checked)} />
            <Button type="submit" loading={busy} disabled={key.trim() === ''} fullWidth size="md">Sign in</Button>
          </Stack>
        </form>
        <Text c="dimmed" size="xs" ta="center">The administrator’s key is kept in the data folder and printed at the first start.</Text>
      </Stack>
    </Center>
  );
}
