import { AxeBuilder } from '@axe-core/playwright';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { expect } from 'vitest';
import { launchBrowser } from './browser.ts';
import { ServerProcess } from './server-process.ts';

/** What people look at the dashboard with. */
export const DESK: BrowserContextOptions = { viewport: { width: 1_200, height: 800 } };
export const PHONE: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  colorScheme: 'dark',
};

/** A start of the server, or of the browser, takes seconds where many things run at once. */
export const WITH_A_START = 90_000;

/** A page waits so long for what it is told to find. */
const PATIENCE_MS = 15_000;

/**
 * The real server with its dashboard, and a browser to look at it. What pages complain of, and
 * whom they ask besides the server, is gathered and must be nothing at the end.
 */
export class Dashboard {
  readonly server: ServerProcess;
  readonly #folder: string;
  readonly #shots: string;
  readonly #complaints: string[] = [];
  readonly #asked = new Set<string>();
  /** Where the server was when a page was opened; what a page makes itself has no host. */
  readonly #ours = new Set(['']);
  #browser: Browser | undefined;

  /** Its screenshots go into a folder of this name. */
  constructor(name: string, env: Readonly<Record<string, string>> = {}) {
    this.#folder = mkdtempSync(join(tmpdir(), 'snapyard-story-'));
    this.#shots = join(process.env['SNAPYARD_SHOTS'] ?? join(tmpdir(), 'snapyard-shots'), name);
    this.server = new ServerProcess(this.#folder, { SNAPYARD_SIMULATOR_SPEED: '60', ...env });
  }

  /** A folder for what the test needs, gone with it. */
  get folder(): string {
    return this.#folder;
  }

  /** Where the server is. */
  get origin(): string {
    return this.server.origin;
  }

  /** Builds the page, and starts the server and the browser. */
  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    mkdirSync(this.#shots, { recursive: true });
    console.log(`screenshots: ${this.#shots}`);
    const built = spawnSync(process.execPath, ['scripts/build-client.ts'], {
      encoding: 'utf8',
      // Left as it is for tests, it would make a build for tests too: React with all its checks.
      env: { ...process.env, NODE_ENV: 'production' },
    });
    expect(built.stderr).toBe('');
    [this.#browser] = await Promise.all([launchBrowser(), this.server.start(more)]);
  }

  /** Opens a page in a browser of its own, as far as the server can tell. */
  async open(path = '/', options: BrowserContextOptions = DESK): Promise<Page> {
    if (this.#browser === undefined) throw new Error('the browser has not been started');
    const context = await this.#browser.newContext(options);
    context.on('request', (request) => this.#asked.add(hostOf(request.url())));
    context.on('page', (page) => this.#watch(page));
    const page = await context.newPage();
    this.#ours.add(hostOf(this.origin));
    await page.goto(this.origin + path);
    return page;
  }

  /** Pages may also ask another server of the test. */
  allow(origin: string): void {
    this.#ours.add(hostOf(origin));
  }

  /** Takes a picture of the whole page. */
  async shot(page: Page, name: string): Promise<void> {
    await page.screenshot({ path: join(this.#shots, `${name}.png`), fullPage: true });
  }

  /** Fails when anything kept pages from being what they should, or took them elsewhere. */
  expectNoComplaints(): void {
    expect(this.#complaints).toEqual([]);
    expect([...this.#asked].filter((host) => !this.#ours.has(host))).toEqual([]);
  }

  /** Ends it all. */
  async close(): Promise<void> {
    await this.#browser?.close();
    await this.server.kill();
    rmSync(this.#folder, { recursive: true });
  }

  #watch(page: Page): void {
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('websocket', (socket) => this.#asked.add(hostOf(socket.url())));
    page.on('pageerror', (error) => this.#complaints.push(error.stack ?? error.message));
    page.on('console', (message) => {
      const text = message.text();
      if (/Content Security Policy|^Warning: |Maximum update/.test(text)) {
        this.#complaints.push(text);
      }
    });
  }
}

/** Fails for anything that would be a serious hurdle to somebody, with what and where it is. */
export async function expectAccessible(page: Page, ...exclude: string[]): Promise<void> {
  const builder = exclude.reduce((axe, part) => axe.exclude(part), new AxeBuilder({ page }));
  const { violations } = await builder.analyze();
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const told = serious.flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.html} ${node.failureSummary ?? ''}`),
  );
  expect(told).toEqual([]);
}

/** Fails when the page is wider than the window, so that people would have to push it sideways. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const [wide, room] = await page.evaluate<[number, number]>(
    '[document.documentElement.scrollWidth, document.documentElement.clientWidth]',
  );
  expect(wide).toBeLessThanOrEqual(room);
}

/** Waits until that many clusters of the overview are shown in this state, word included. */
export async function seeClusters(page: Page, status: string, count: number): Promise<void> {
  const word = status.charAt(0) + status.slice(1).toLowerCase();
  const cells = page.locator(`.cell[data-status="${status}"]`, { hasText: word });
  await expect.poll(() => cells.count(), { timeout: PATIENCE_MS, interval: 20 }).toBe(count);
}

/** Waits until the connection mark says so. */
export async function seeMark(page: Page, standing: 'LIVE' | 'CATCHING_UP' | 'AWAY') {
  await page.locator(`.mark[data-standing="${standing}"]`).waitFor();
}

function hostOf(url: string): string {
  return new URL(url).host;
}
