import { useEffect } from 'react';
import { Button, Center, Loader, Stack, Text } from '@mantine/core';
import { LogoMark } from '../ui/Logo';

/** Before it is known who is signed in; tries again by itself while the server is away. */
export function Waiting({ retry }: { retry?: () => void }) {
  useEffect(() => {
    if (retry === undefined) return undefined;
    const timer = setTimeout(retry, 3000);
    return () => clearTimeout(timer);
  }, [retry]);
  return (
    <Center mih="100dvh" component="main">
      <Stack align="center" gap="sm">
        <LogoMark size={44} />
        {retry === undefined ? <Loader size="sm" aria-label="Loading" /> : (
          <>
            <Text fw={600}>The server does not answer</Text>
            <Text size="sm" c="dimmed">The page goes on by itself once it does.</Text>
            <Button variant="default" size="xs" onClick={retry}>Try now</Button>
          </>
        )}
      </Stack>
    </Center>
  );
}
