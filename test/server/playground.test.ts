import { expect, onTestFinished, test } from 'vitest';
import type { Subject } from '../../schema/context.ts';
import { launchBrowser, whyNoBrowser } from '../kit/browser.ts';
import { queue } from '../kit/queue.ts';
import { serve } from '../kit/served.ts';

const noBrowser = whyNoBrowser();

test.skipIf(noBrowser !== undefined)(
  'the playground explains the schema and shows a subscription (needs chromium)',
  async () => {
    const feed = queue<Subject>();
    const server = await serve({ feed: { updates: () => Promise.resolve(feed.stream) } });
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const page = await browser.newPage();
    const asked: string[] = [];
    const complaints: string[] = [];
    page.on('request', (request) => void asked.push(request.url()));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => void complaints.push(error.message));

    const query = 'subscription { clusterPoolUpdated(name: "cks") { name size } }';
    const explained = page.waitForResponse(`${server.url}/graphql`);
    await page.goto(`${server.url}/playground?query=${encodeURIComponent(query)}`);
    expect(await (await explained).json()).toHaveProperty('data.__schema');
    await page.getByRole('button', { name: /execute query/i }).click();
    feed.push({ type: 'CLUSTER_POOL', id: 'pool1' });
    // The editor shows its spaces as others than those of the text.
    const shown = async () => (await page.locator('.graphiql-response').innerText()).split(/\s+/);
    await expect.poll(shown, { timeout: 10_000 }).toContain('"size":');

    expect(complaints).toEqual([]);
    const elsewhere = asked.filter((url) => !url.replace('blob:', '').startsWith(server.url));
    expect(elsewhere).toEqual([]);
  },
  60_000,
);
