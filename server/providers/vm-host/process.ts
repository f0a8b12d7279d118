import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs';
import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import { codeOf } from './error-code.ts';
import { unread } from './unread.ts';

const POLL_MS = 5;
const KILL_MS = 5_000;
const LOG_TAIL = 600;
/** As much of a log as is read for that. */
const LOG_READ = 4_096;
/** What the kernel says of a process that has ended, or that only its own user is told of. */
const NO_PROCESS: readonly unknown[] = ['ENOENT', 'ESRCH', 'EACCES', 'EPERM'];

/** A process as nobody can confuse it: numbers are used again, the time of the start is not. */
export interface ProcessId {
  readonly pid: number;
  readonly startedAt: string;
}

/** Starts a program so that it outlives us, with what it says in a file. */
export function startProcess(
  binary: string,
  argv: readonly string[],
  logFile: string,
  cwd?: string,
): Promise<ProcessId> {
  const log = openSync(logFile, 'a', 0o600);
  const started = new Promise<number>((resolve, reject) => {
    const child = spawn(binary, argv, { detached: true, cwd, stdio: ['ignore', log, log] });
    child.once('error', (error) => {
      closeSync(log);
      const reason = `Cannot start ${binary}: ${error.message}`;
      reject(new ProviderError(reason, { retryable: false, cause: error }));
    });
    child.once('spawn', () => {
      closeSync(log);
      child.unref();
      resolve(child.pid ?? 0);
    });
  });
  return started.then((pid) => ({ pid, startedAt: startOf(pid) ?? 'over' }));
}

/** Whether this very process still runs. One that has ended and waits to be reaped does not. */
export function isAlive(id: ProcessId): boolean {
  return startOf(id.pid) === id.startedAt;
}

/** When the process with this number started, in ticks since the machine did; null if none runs. */
export function startOf(pid: number): string | null {
  const stat = readText(`/proc/${pid}/stat`);
  // The name of the program stands in brackets and may hold anything, brackets too.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
  return state === 'Z' || state === 'X' ? null : (fields[18] ?? null);
}

/** The process that was started with this argument, which must be unique, as a UUID is. */
export function findByArgument(argument: string): ProcessId | null {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const argv = readText(`/proc/${name}/cmdline`).split('\0');
    const startedAt = argv.includes(argument) ? startOf(Number(name)) : null;
    if (startedAt !== null) return { pid: Number(name), startedAt };
  }
  return null;
}

/** Waits until a process has ended; false when it has not in that time. */
export async function hasEnded(world: World, id: ProcessId, ms: number): Promise<boolean> {
  const start = world.elapsed();
  while (isAlive(id)) {
    if (world.elapsed() - start > ms) return false;
    await world.sleep(POLL_MS);
  }
  return true;
}

/** Kills exactly this process, if it still runs, and waits until it is gone. */
export async function killProcess(world: World, id: ProcessId): Promise<void> {
  if (isAlive(id)) process.kill(id.pid, 'SIGKILL');
  if (await hasEnded(world, id, KILL_MS)) return;
  throw new ProviderError(`Process ${id.pid} does not end`, { retryable: true });
}

/** The end of what the program wrote to its log, on one line; empty when it wrote nothing. */
export function lastWords(logFile: string): string {
  const lines = readEnd(logFile, LOG_READ).trim().split('\n');
  return lines.slice(-3).join(' | ').slice(-LOG_TAIL);
}

/** The last bytes of a file, as text: it may be as large as a guest likes. Empty without one. */
export function readEnd(path: string, bytes: number): string {
  try {
    const file = openSync(path, 'r');
    try {
      const { size } = fstatSync(file);
      const end = Buffer.alloc(Math.min(size, bytes));
      const length = readSync(file, end, 0, end.length, size - end.length);
      return end.toString('utf8', 0, length);
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}

/** What the kernel tells of a process; empty when there is none, or it is somebody else's. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (NO_PROCESS.includes(codeOf(error))) return '';
    throw unread(path, error);
  }
}
