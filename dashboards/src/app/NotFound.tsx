import { Button, Stack } from '@mantine/core';
import { Link, useRouteError } from 'react-router';
import { Empty, Failure, Page } from '../ui/basics';

export function NotFound() {
  return (
    <Page title="Not here">
      <Empty title="There is no page at this address" action={<Button component={Link} to="/connections">Go to connections</Button>}>
        It may have been moved, or the link is incomplete.
      </Empty>
    </Page>
  );
}

/** Shown instead of a page that could not be loaded or drawn. */
export function RouteFailure() {
  const error = useRouteError();
  // After an update the files of the version before are gone: loading again brings the new ones.
  const stale = error instanceof TypeError && /import|module/i.test(error.message);
  return (
    <Stack className="page">
      <Failure
        title={stale ? 'Tributary was updated' : 'This page could not be shown'}
        error={stale ? new Error('Load the page again to use the new version.') : error instanceof Error ? error : new Error(String(error))}
        retry={() => window.location.reload()}
      />
    </Stack>
  );
}
