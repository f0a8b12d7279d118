/**
 * After each test file: whatever the file opened must be gone. Timers, sockets, servers, child
 * processes and open files are counted before and after; what is left fails the file by name.
 *
 * Closing takes a moment, so the check waits up to {@link GRACE_MS} for the rest to disappear.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';

const GRACE_MS = 2_000;
// The real ones: a test may have replaced the globals with fakes.
const { setTimeout: startTimer } = globalThis;
const { now } = Date;

/** How often each kind of thing is open, by a name that people can act on. */
export type OpenThings = ReadonlyMap<string, number>;

/** Lists what keeps this process busy now: active resources, children, open files. */
export function listOpenThings(): OpenThings {
  const names = [...activeResources(), ...childProcesses(), ...openFiles()];
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** What is open now and was not before, one line each. */
export function findLeaks(before: OpenThings, after: OpenThings): string[] {
  return [...after]
    .map(([name, count]) => ({ name, more: count - (before.get(name) ?? 0) }))
    .filter(({ more }) => more > 0)
    .map(({ name, more }) => (more === 1 ? name : `${name} (${more} of them)`));
}

/** Waits until nothing is left open that was not open before; answers what stayed. */
export async function waitForNoLeaks(before: OpenThings, graceMs = GRACE_MS): Promise<string[]> {
  const deadline = now() + graceMs;
  for (;;) {
    const leaks = findLeaks(before, listOpenThings());
    if (leaks.length === 0 || now() > deadline) return leaks;
    await new Promise((resolve) => startTimer(resolve, 20));
  }
}

/** Requests of the moment (a read, a look-up) end by themselves and hold nothing. */
function activeResources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => !/Req(Callback|Promise|Wrap)?$/.test(name));
}

/** Children, detached and unreferenced ones too; Linux only. */
function childProcesses(): string[] {
  const list = `/proc/${process.pid}/task/${process.pid}/children`;
  const pids = readOr('', () => readFileSync(list, 'utf8'))
    .split(' ')
    .filter(Boolean);
  return pids.map((pid) => {
    const command = readOr('', () => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    return `child process ${pid} ${command.replaceAll('\0', ' ').trim()}`;
  });
}

/** Regular files held open, such as a database that nobody closed; Linux only. */
function openFiles(): string[] {
  const descriptors = readOr<string[]>([], () => readdirSync('/proc/self/fd'));
  return descriptors
    .map((fd) => readOr('', () => readlinkSync(`/proc/self/fd/${fd}`)))
    .filter((path) => path.startsWith('/') && !/^\/(dev\/(?!shm\/)|proc\/|sys\/)/.test(path))
    .map((path) => `open file ${path}`);
}

function readOr<T>(fallback: T, read: () => T): T {
  try {
    return read();
  } catch {
    return fallback; // gone since it was listed, or not a Linux
  }
}

let before: OpenThings = new Map();

beforeAll(() => {
  // These open at their first use, and stay: not a leak of whoever uses them first.
  void process.stdin;
  void process.stdout;
  void process.stderr;
  before = listOpenThings();
});

afterAll(async () => {
  const leaks = await waitForNoLeaks(before);
  if (leaks.length > 0) throw new Error(`this test file left open:\n  ${leaks.join('\n  ')}`);
});
