/**
 * `npm run bench:vms`: how long it takes to get a real VM, through the whole server: booted, from
 * a snapshot, and warm out of the pool, one at a time and several at once; and what VMs use.
 *
 * `--count <n>` spawns of each warm row. `--concurrency <n,n>` how many at once. `--cold <n>` and
 * `--restored <n>` spawns of those rows. `--images <folder>` where the images are. `--refresh <n>`
 * is a run of its own: so many warm spawns while template sets are replaced again and again.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Line } from './load.ts';
import { measureColds, measureMain, type VmPlan } from './vm-measure.ts';
import { measureRefresh, reportRefresh } from './vm-refresh.ts';
import { reportVms } from './vm-report.ts';
import { endVms, startVmServer, type VmServer } from './vm-server.ts';

/** The most VMs that one pool keeps. */
const MOST = 20;
/** Nothing here takes that long. */
const LONGEST_MS = 1_800_000;

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100' },
    concurrency: { type: 'string', default: '1,5,10,20' },
    cold: { type: 'string', default: '5' },
    restored: { type: 'string', default: '20' },
    images: { type: 'string' },
    refresh: { type: 'string' },
  },
});

/** What this run is to do: all rows, or so many spawns while sets are replaced. */
interface Wanted {
  readonly refreshes: number | null;
  readonly plan: VmPlan;
}

await main();

async function main(): Promise<void> {
  const wanted = wantedRun();
  const images = imageFolder();
  // Short: the paths of sockets in it must not be long.
  const folder = mkdtempSync(join(tmpdir(), 'vms-'));
  const tooLong = setTimeout(() => {
    throw new Error('the bench takes too long');
  }, LONGEST_MS);
  try {
    await measureOn(await startVmServer(folder, images), wanted);
  } catch (error) {
    console.error(readFileSync(join(folder, 'server.log'), 'utf8'));
    throw error;
  } finally {
    clearTimeout(tooLong);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureOn(server: VmServer, wanted: Wanted): Promise<void> {
  try {
    await measure(server, wanted);
  } finally {
    await server.stop();
    endVms(server.stateFolder);
  }
}

async function measure(server: VmServer, { refreshes, plan }: Wanted): Promise<void> {
  const line = await Line.open(server.address);
  try {
    const failures =
      refreshes === null
        ? await measureAll(server, line, plan)
        : reportRefresh(await measureRefresh(server, line, refreshes));
    if (failures > 0) process.exitCode = 1;
  } finally {
    line.close();
  }
}

async function measureAll(server: VmServer, line: Line, plan: VmPlan): Promise<number> {
  const colds = await measureColds(server, line, plan.cold - 1);
  return reportVms(await measureMain(server, line, plan, colds));
}

function wantedRun(): Wanted {
  const refreshes = values.refresh === undefined ? null : wholeNumber('refresh', 1, 100_000);
  return { refreshes, plan: planOf() };
}

function planOf(): VmPlan {
  const concurrency = values.concurrency.split(',').map(Number);
  if (!concurrency.every((n) => Number.isInteger(n) && n >= 1 && n <= MOST)) {
    throw new Error(`--concurrency: numbers from 1 to ${MOST}`);
  }
  return {
    count: wholeNumber('count', 1, 10_000),
    cold: wholeNumber('cold', 1, 100),
    restored: wholeNumber('restored', 1, 1_000),
    concurrency,
    most: MOST,
  };
}

function wholeNumber(name: 'count' | 'cold' | 'restored' | 'refresh', min: number, max: number) {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new Error(`--${name}: a number from ${min} to ${max}`);
}

function imageFolder(): string {
  const state = process.env['SNAPYARD_STATE'] ?? './data/vms';
  const folder = resolve(values.images ?? join(state, 'images'));
  if (!existsSync(folder)) throw new Error(`no images in ${folder}: npm run qemu:image`);
  return folder;
}
