import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

/** Where Debian puts it. */
const CHROMIUM = '/usr/bin/chromium';

/** Nothing that a page did not ask for goes over the network. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Why there is no browser here, in one line; undefined when there is one. Where one is required
 * (SNAPYARD_REQUIRE_CHROMIUM=1, as in CI) its absence is an error.
 */
export function whyNoBrowser(): string | undefined {
  if (existsSync(CHROMIUM)) return undefined;
  const why = `no browser test: ${CHROMIUM} is missing ("apt-get install chromium" brings it)`;
  if (process.env['SNAPYARD_REQUIRE_CHROMIUM'] === '1') throw new Error(why);
  console.log(why);
  return why;
}

/** Starts a browser that knows nothing: its folder is new and is gone with it. */
export async function launchBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
}
