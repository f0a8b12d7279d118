/** A server that is measured, ours or one it is compared with: a process on a core of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { pinned } from './machine.ts';

/** A process that listens. */
export interface PinnedProcess {
  /** `http://host:port` */
  readonly address: string;
  readonly child: ChildProcess;
  /** Processor time it has used so far, in seconds; NaN where the system does not tell. */
  cpuSeconds(): number;
  /** Asks it to end and waits until it has. */
  stop(): Promise<void>;
}

/** What it is started with. */
export interface Launch {
  /** Node's arguments: options, a script, and those of the script. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The file that gets what it writes to standard error. */
  readonly log: string;
  /** Where the process and all that it starts may use every core. */
  readonly everyCore?: boolean;
}

/** Starts a process and waits until it prints where it listens: `ready: <address>`. */
export async function launch(start: Launch): Promise<PinnedProcess> {
  const { args, env = {}, log, everyCore = false } = start;
  const line: [string, ...string[]] = [process.execPath, ...args];
  const [command, ...all] = everyCore ? line : pinned('server', line);
  const child = spawn(command, all, {
    stdio: ['ignore', 'pipe', openSync(log, 'w'), 'ipc'],
    env: { ...process.env, ...env },
  });
  const address = await addressOf(child, log);
  return { address, child, cpuSeconds: () => cpuSecondsOf(child), stop: () => stop(child) };
}

async function addressOf(child: ChildProcess, log: string): Promise<string> {
  let said = '';
  const found = new Promise<string>((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      const address = /ready: (\S+)/.exec(said)?.[1];
      if (address !== undefined) resolve(address);
    });
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`it did not start: ${said}${readFileSync(log, 'utf8')}`);
  });
  return await Promise.race([found, ended]);
}

function cpuSecondsOf({ pid }: ChildProcess): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return (
      threads.reduce((sum, thread) => sum + nanoseconds(`/proc/${pid}/task/${thread}`), 0) / 1e9
    );
  } catch {
    return NaN;
  }
}

/** What one thread has used; finer than the ticks of `stat`. */
function nanoseconds(folder: string): number {
  return Number(readFileSync(`${folder}/schedstat`, 'utf8').split(' ')[0]);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}
