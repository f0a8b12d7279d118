import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** The real server in a process of its own, which can be killed and started again. */
export class ServerProcess {
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  #child: ChildProcess | undefined;
  #origin = '';

  /** All its files are in the folder; it listens on a free port of this machine. */
  constructor(folder: string, env: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.#env = env;
  }

  /** Where it is now; another place after each start. */
  get origin(): string {
    return this.#origin;
  }

  /** Where its database is. */
  get db(): string {
    return join(this.#folder, 'snapyard.db');
  }

  /** Its process, while it runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** All that it logged as warnings or worse, in every life. */
  log(): string {
    return readFileSync(this.#logFile(), 'utf8');
  }

  /** Starts it where it was, as pages that are open expect it. */
  startAgain(more: Readonly<Record<string, string>> = {}): Promise<void> {
    return this.start({ SNAPYARD_PORT: new URL(this.#origin).port, ...more });
  }

  /** Starts it with these settings besides its own, and resolves when it is ready. */
  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const log = openSync(this.#logFile(), 'a');
    const child = spawn(process.execPath, ['bin/snapyard.js'], {
      stdio: ['ignore', 'pipe', log],
      env: {
        ...process.env,
        SNAPYARD_HOST: '127.0.0.1',
        SNAPYARD_PORT: '0',
        SNAPYARD_DB: this.db,
        SNAPYARD_STATE: join(this.#folder, 'vms'),
        SNAPYARD_LOG: 'warn',
        ...this.#env,
        ...more,
      },
    });
    closeSync(log);
    this.#child = child;
    this.#origin = await readyAt(child);
  }

  /** Ends it as a power cut would; throws when it did not die of just that. */
  kill(): Promise<void> {
    return this.#end('SIGKILL', [null, 'SIGKILL']);
  }

  /** Asks it to stop; throws when it does not do so in good order. */
  stop(): Promise<void> {
    return this.#end('SIGTERM', [0, null]);
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM', expected: readonly unknown[]): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : [];
    child.kill(signal);
    const how = (await ended) as readonly unknown[];
    if (how[0] === expected[0] && how[1] === expected[1]) return;
    throw new Error(`after ${signal} the server ended with ${String(how)}:\n${this.log()}`);
  }

  #logFile(): string {
    return join(this.#folder, 'server.log');
  }
}

async function readyAt(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the server has no output');
  for await (const line of createInterface(child.stdout)) {
    const address = /ready: (http:\/\/\S+)/.exec(line)?.[1];
    if (address !== undefined) return address;
  }
  throw new Error('the server ended before it was ready');
}
