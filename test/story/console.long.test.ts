import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { globalId } from '../../schema/global-id.ts';
import { CONSOLE_CLOSED } from '../../schema/model/console.ts';
import type { Consoles } from '../../server/consoles.ts';
import { newToken, writeTokens } from '../../server/token-file.ts';
import { realWorld } from '../../server/world.ts';
import { join } from 'node:path';
import { whyNoBrowser } from '../kit/browser.ts';
import {
  Dashboard,
  DESK,
  expectAccessible,
  expectNoSidewaysScroll,
  PHONE,
  WITH_A_START,
} from '../kit/dashboard.ts';
import { post, serve } from '../kit/served.ts';
import { type SmallScreen, smallScreen } from '../kit/small-screen.ts';

// The consoles in a real browser. Those of the simulator are one story on the real server: each
// test goes on where the one before ended. A screen is shown by a server with fake ports.

const noBrowser = whyNoBrowser();
const board = new Dashboard('console');
let page: Page;
let vmId = '';
let sessionId = '';

beforeAll(async () => {
  if (noBrowser !== undefined) return;
  await board.start();
}, WITH_A_START);

beforeEach((context) => context.skip(noBrowser !== undefined, noBrowser));

afterAll(() => board.close());

async function ask(query: string): Promise<Record<string, unknown>> {
  const { json } = await post({ url: board.origin }, query);
  if (json.data == null) throw new Error(JSON.stringify(json.errors));
  return json.data;
}

interface Claimed {
  readonly id: string;
  readonly vms: readonly { readonly id: string; readonly name: string }[];
}

/** Claims a cluster as soon as there is one, and remembers its worker. */
async function claim(): Promise<void> {
  const query = `mutation { createSession(input: { pool: "cks" }) {
    __typename ... on Session { id vms { id name } } } }`;
  const claimed = async () => (await ask(query))['createSession'] as Partial<Claimed>;
  let made: Partial<Claimed> = {};
  await expect.poll(async () => (made = await claimed()).id, { timeout: 30_000 }).toBeDefined();
  sessionId = made.id ?? '';
  vmId = made.vms?.find(({ name }) => name.startsWith('wk-'))?.id ?? '';
}

const consolePath = (kind = 'SERIAL') => `/console?vm=${encodeURIComponent(vmId)}&kind=${kind}`;

async function seeState(on: Page, text: string | RegExp): Promise<void> {
  await on.getByRole('status').filter({ hasText: text }).waitFor();
}

/** Waits until the terminal shows this; it is drawn line by line. */
async function seeLine(on: Page, text: string | RegExp): Promise<void> {
  await on.locator('.xterm-rows > div', { hasText: text }).first().waitFor();
}

test('a command typed into the serial console is answered', async () => {
  await claim();
  page = await board.open(consolePath());
  await seeState(page, 'Connected');
  expect(await page.title()).toMatch(/^wk-cluster\d, serial console – Snapyard$/);
  await seeLine(page, 'a simulated machine');
  await page.keyboard.type('uname -a\n');
  await seeLine(page, /^Linux wk-cluster\d 6\.12\.0-simulated/);
  await page.keyboard.type('help\nip addr\nls /etc\n');
  await seeLine(page, 'hostname, uname -a, uptime');
  await board.shot(page, '1-serial-light');
  await expectAccessible(page);
});

test('it fits a phone, dark, and the window when that changes', async () => {
  const phone = await board.open(consolePath(), PHONE);
  await seeState(phone, 'Connected');
  await phone.keyboard.type('ip addr\n');
  await seeLine(phone, 'inet 127.0.0.1/8');
  await board.shot(phone, '2-serial-phone-dark');
  await expectNoSidewaysScroll(phone);
  await expectAccessible(phone);
  const rows = () => phone.locator('.xterm-rows > div').count();
  const before = await rows();
  await phone.setViewportSize({ width: 390, height: 500 });
  await expect.poll(rows).toBeLessThan(before);
  await phone.context().close();
});

test('the first is told that another took it, and takes it back by the keyboard', async () => {
  await seeState(page, 'Ended: This console was opened elsewhere.');
  await board.shot(page, '3-taken');
  await page.keyboard.press('Enter');
  await seeState(page, 'Connected');
  await page.keyboard.type('hostname\n');
  await expect
    .poll(() => page.locator('.xterm-rows > div', { hasText: /^wk-cluster/ }).count())
    .toBeGreaterThan(1);
});

test('a text is pasted by the clipboard’s field, and keys lead out of the terminal', async () => {
  await page.keyboard.press('Control+F6');
  expect(await page.evaluate('document.activeElement.id')).toBe('clipboard');
  await page.keyboard.press('Enter');
  await page.getByRole('textbox', { name: 'What the VM copied' }).fill('echo pasted-text');
  await expectAccessible(page);
  await board.shot(page, '4-clipboard');
  await page.getByRole('button', { name: 'Paste into the VM' }).click();
  await seeLine(page, /# echo pasted-text/);
  await page.keyboard.press('Enter');
  await seeLine(page, /^pasted-text/);
});

test('a ticket that was used opens nothing', async () => {
  const query = `mutation { openConsole(input: { vmId: "${vmId}" kind: SERIAL }) {
    ... on ConsoleTicket { url } } }`;
  const { url } = (await ask(query))['openConsole'] as { url: string };
  const tryIt = () =>
    page.evaluate<string>(`new Promise((resolve) => {
      const socket = new WebSocket(${JSON.stringify(url)});
      socket.onopen = () => setTimeout(() => resolve('open'), 500);
      socket.onclose = ({ code, reason }) => resolve(code + ' ' + reason);
    })`);
  expect(await tryIt()).toBe('open');
  expect(await tryIt()).toBe(
    `${CONSOLE_CLOSED.noTicket} This ticket is not known: used, or too old.`,
  );
});

test('a kind that the VM does not have is refused in a sentence', async () => {
  const other = await board.open(consolePath('VNC'));
  await seeState(other, /^Ended: wk-cluster\d has no VNC stream; it has SERIAL\.$/);
  await board.shot(other, '5-refused');
  await other.context().close();
});

test('an address without a VM, and one of a VM that is not there, say so', async () => {
  const other = await board.open('/console');
  await seeState(other, 'This address names no console.');
  await other.goto(`${board.origin}/console?vm=${globalId('VmHandle', 'nothing')}&kind=SERIAL`);
  await seeState(other, 'Ended: There is no such VM, or it is not yours to look at.');
  await other.context().close();
});

test('when the session is released the page says why', async () => {
  await page.getByRole('button', { name: 'Connect again' }).click();
  await seeState(page, 'Connected');
  await ask(`mutation { releaseSession(input: { sessionId: "${sessionId}" }) { __typename } }`);
  await seeState(page, 'Ended: The session has ended: it was released.');
  await board.shot(page, '6-released');
});

test(
  'a server that is away is told, and its console is had again when it is back',
  async () => {
    await claim();
    const other = await board.open(consolePath());
    await seeState(other, 'Connected');
    await board.server.kill();
    await seeState(other, 'Ended: The connection to the server was lost.');
    await other.getByRole('button', { name: 'Connect again' }).click();
    await seeState(other, 'Ended: The server cannot be reached.');
    await board.server.startAgain();
    await other.getByRole('button', { name: 'Connect again' }).click();
    await seeState(other, 'Connected');
    await other.context().close();
  },
  WITH_A_START,
);

test(
  'a server with tokens asks for one, and a console of somebody else is none',
  async () => {
    const tokens = join(board.folder, 'tokens');
    const [ada, root] = [
      newToken(realWorld(), 'ada', 'USER'),
      newToken(realWorld(), 'root', 'ADMIN'),
    ];
    writeTokens(tokens, [ada.entry, root.entry]);
    await board.server.kill();
    await board.server.start({ SNAPYARD_TOKENS: tokens });
    const other = await board.open(consolePath());
    await seeState(other, 'This server wants a token that it knows.');
    await expectAccessible(other);
    await board.shot(other, '7-token');
    await other.getByLabel('Token').fill(ada.token);
    await other.keyboard.press('Enter');
    await seeState(other, 'Ended: There is no such VM, or it is not yours to look at.');
    await other.evaluate(`sessionStorage.setItem('snapyard-token', '${root.token}')`);
    await other.getByRole('button', { name: 'Connect again' }).click();
    await seeState(other, 'Connected');
    writeTokens(tokens, [ada.entry]);
    await seeState(other, 'Ended: The token is no longer known.');
    await other.context().close();
  },
  WITH_A_START,
);

test('a screen is scaled to the window, and takes keys and texts', async () => {
  const screens: SmallScreen[] = [];
  const server = await serveScreens(screens);
  const desk = await board.open('/', DESK);
  board.allow(server.url);
  await desk.goto(`${server.url}/console?vm=${globalId('VmHandle', 'vm1')}&kind=VNC`);
  await seeState(desk, 'Connected');
  const [screen = expect.unreachable()] = screens;
  await desk.locator('canvas').waitFor();
  await expect
    .poll(async () => (await desk.locator('canvas').boundingBox())?.width)
    .toBeGreaterThan(900);
  await board.shot(desk, '8-screen');
  await desk.locator('canvas').click();
  await desk.keyboard.type('a');
  await expect.poll(() => screen.keys).toContain(0x61);
  await desk.getByRole('button', { name: 'Ctrl-Alt-Del' }).click();
  await expect.poll(() => screen.keys.slice(-3)).toEqual([0xffe3, 0xffe9, 0xffff]);
  screen.copy('from the machine');
  await desk.getByRole('button', { name: 'Clipboard' }).click();
  const texts = desk.getByRole('textbox', { name: 'What the VM copied' });
  await expect.poll(() => texts.inputValue()).toBe('from the machine');
  await texts.fill('to the machine');
  await desk.getByRole('button', { name: 'Paste into the VM' }).click();
  await expect.poll(() => screen.pasted).toEqual(['to the machine']);
  await expectAccessible(desk);
  screen.stream.destroy();
  await seeState(desk, 'Ended: The VM ended the stream');
  await desk.getByRole('img', { name: 'What the screen showed last' }).waitFor();
  await board.shot(desk, '9-screen-over');
  await desk.getByRole('button', { name: 'Connect again' }).click();
  await seeState(desk, 'Connected');
  await desk.context().close();
});

/** A server whose VM has a screen. */
async function serveScreens(screens: SmallScreen[]) {
  const consoles: Consoles = {
    kindsOf: () => ['VNC'],
    issue: () => ({ url: '/consoles/any', expiresAt: 0 }),
    redeem: () => ({
      viewer: { name: 'local', role: 'ADMIN' },
      kind: 'VNC',
      vmId: 'vm1',
      role: 'CONTROL_PLANE',
      clusterId: 'cluster1',
      provider: 'SIMULATOR',
      clusterStatus: 'LOCKED',
      holder: null,
    }),
    whyOver: () => undefined,
    watch: () => () => {},
    open: () => {
      const screen = smallScreen();
      screens.push(screen);
      return Promise.resolve(screen.stream);
    },
  };
  const openConsole = () => Promise.resolve({ url: '/consoles/any', expiresAt: 0 });
  const settings = { clientFolder: 'dist/client' };
  return await serve({ consoles, verbs: { openConsole }, settings });
}

test('nothing was complained of, and the log has no ticket', () => {
  expect(board.server.log()).not.toContain('/consoles/');
  board.expectNoComplaints();
});
