/** The machine a bench runs on, and who of it gets which core. */
import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release } from 'node:os';
import Database from 'better-sqlite3';
import sqlitePackage from 'better-sqlite3/package.json' with { type: 'json' };
import { version as graphqlVersion } from 'graphql';

/** The server has a core of its own, so that what it can do does not depend on the load's needs. */
const CORES = { server: '0', load: '1' } as const;

let isPinned: boolean | undefined;

/** Whether the parts have cores of their own: from the first that asks, this process has its. */
function canPin(): boolean {
  isPinned ??= availableParallelism() >= 2 && pinThisProcess();
  return isPinned;
}

/** A command line that runs on the core of this part, where the system can do that. */
export function pinned(
  part: keyof typeof CORES,
  command: readonly [string, ...string[]],
): [string, ...string[]] {
  return canPin() ? ['taskset', '-c', CORES[part], ...command] : [...command];
}

function pinThisProcess(): boolean {
  const may = spawnSync('taskset', ['-c', CORES.server, 'true']);
  const done = spawnSync('taskset', ['-acp', CORES.load, String(process.pid)]);
  return may.status === 0 && done.status === 0;
}

/** The machine and what is installed, in lines. */
export function describeMachine(): string[] {
  const [cpu] = cpus();
  const cores = isPinned
    ? `server on core ${CORES.server}, load on core ${CORES.load}`
    : 'processes not pinned to cores';
  return [
    `machine   ${cpu?.model ?? 'unknown'}, ${cpus().length} cores, ${process.platform} ` +
      release(),
    `          ${cores}; load average ${loadAverage()}`,
    `versions  Node ${process.version}, better-sqlite3 ${sqlitePackage.version} ` +
      `(SQLite ${sqliteVersion()}), graphql ${graphqlVersion}`,
  ];
}

/** How busy the machine has been for a minute. */
export function loadAverage(): string {
  return (loadavg()[0] ?? NaN).toFixed(1);
}

function sqliteVersion(): string {
  const db = new Database(':memory:');
  const row = db.prepare<[], { v: string }>('SELECT sqlite_version() AS v').get();
  db.close();
  return row?.v ?? 'unknown';
}
