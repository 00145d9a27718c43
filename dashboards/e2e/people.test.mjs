// Finding and erasing people.
import { describe, test } from 'node:test';
import { nothingWasWrong, openApp, payment, unique } from './app.mjs';

const app = openApp();

describe('people', () => {
  test('a person is found and erased, with a receipt', async () => {
    const connection = await app.newConnection(`People ${unique()}`);
    const email = `erase-${unique()}@example.com`;
    await app.post(connection.webhook_url, [payment(`p_${unique()}`, { event_email: email })]);
    // An event is visible within a second of its 201.
    const erase = app.page.getByRole('button', { name: 'Erase this person' });
    for (let attempt = 0; attempt < 20 && !(await erase.isVisible()); attempt++) {
      await app.go('/people');
      await app.page.getByLabel('E-mail address').fill(email);
      await app.page.getByRole('button', { name: 'Find' }).click();
      await app.page.getByRole('heading', { level: 2 }).first().waitFor();
    }
    await erase.click();
    await app.page.getByLabel('Type the address to confirm').fill(email);
    await app.page.getByRole('button', { name: 'Erase', exact: true }).click();
    await app.page.getByRole('heading', { name: 'Erased', exact: true }).waitFor({ timeout: 60_000 });
    await app.page.getByRole('row', { name: 'Events erased 1' }).waitFor();
  });
});

nothingWasWrong(app);
