import { expect, onTestFinished, test } from 'vitest';
import type { Subject } from '../../schema/context.ts';
import { launchBrowser, whyNoBrowser } from '../kit/browser.ts';
import { queue } from '../kit/queue.ts';
import { makeTokens, serve } from '../kit/served.ts';

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

test.skipIf(noBrowser !== undefined)(
  'with tokens, an admin opens the playground by one and asks by one (needs chromium)',
  async () => {
    const tokens = makeTokens();
    const server = await serve({ auth: tokens.auth });
    const token = tokens.add('root', 'ADMIN');
    const browser = await launchBrowser();
    onTestFinished(() => browser.close());
    const httpCredentials = { username: 'anybody', password: token };
    const page = await (await browser.newContext({ httpCredentials })).newPage();
    const query = encodeURIComponent('{ viewer { name } }');
    const unexplained = page.waitForResponse(`${server.url}/graphql`);
    await page.goto(`${server.url}/playground?query=${query}`);
    // What the browser sends by itself opens the page and not the API.
    expect((await unexplained).status()).toBe(401);

    await page.getByRole('button', { name: 'Headers' }).click();
    await page.locator('.graphiql-editor-tool .monaco-editor').last().click();
    await page.keyboard.press('End');
    for (let i = 0; i < '" }'.length; i += 1) await page.keyboard.press('ArrowLeft');
    await page.keyboard.insertText(token);
    await page.getByRole('button', { name: /execute query/i }).click();
    const shown = async () => (await page.locator('.graphiql-response').innerText()).split(/\s+/);
    await expect.poll(shown, { timeout: 10_000 }).toContain('"root"');
  },
  60_000,
);
