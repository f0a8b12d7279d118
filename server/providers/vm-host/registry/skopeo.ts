import { type ChildProcess, spawn } from 'node:child_process';
import { resolve as resolvePath } from 'node:path';
import type { World } from '../../../world.ts';
import { ProviderError } from '../../provider.ts';
import { findByArgument, killProcess } from '../process.ts';
import { skopeoFailure } from './skopeo-failure.ts';
import { codeOf } from '../error-code.ts';

/** One run of skopeo: every word that is said to a registry is said by it. */
export interface SkopeoRun {
  readonly binary: string;
  readonly args: readonly string[];
  /** What is being done, as the beginning of a reason: `Fetching host/owner/name:tag`. */
  readonly what: string;
  /** The folder that it works in, by which it is found when its server was killed. */
  readonly cwd?: string | undefined;
  /** How long it may take. */
  readonly ms: number;
  /** How many bytes it may print. */
  readonly maxOutput: number;
  readonly signal: AbortSignal;
}

/** By then a skopeo whose server was killed ends by itself. */
const OWN_TIMEOUT_SLACK_S = 60;
const MOST_ERROR_TEXT = 16_384;

/**
 * Runs skopeo in a process group of its own and answers what it prints. The promise settles when
 * the process is gone, never before: what comes next finds its files as they stay.
 */
export function runSkopeo(world: Pick<World, 'after'>, run: SkopeoRun): Promise<Buffer> {
  const ownTimeout = `${Math.ceil(run.ms / 1_000) + OWN_TIMEOUT_SLACK_S}s`;
  return new Promise((resolve, reject) => {
    if (run.signal.aborted) return reject(givenUp(run));
    const place = run.cwd === undefined ? [] : [placeOf(run.cwd)];
    const child = spawn(run.binary, ['--command-timeout', ownTimeout, ...place, ...run.args], {
      cwd: run.cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stopped: ProviderError | undefined;
    const stop = (why: ProviderError) => {
      stopped ??= why;
      killGroup(child);
    };
    const output = collect(child.stdout, run.maxOutput, () => stop(tooLong(run)));
    const errors = collect(child.stderr, MOST_ERROR_TEXT, () => undefined);
    const cancel = world.after(run.ms, () => stop(tooSlow(run)));
    const abort = () => stop(givenUp(run));
    run.signal.addEventListener('abort', abort, { once: true });
    const settle = (failure: ProviderError | null) => {
      cancel();
      run.signal.removeEventListener('abort', abort);
      const reason = stopped ?? failure;
      if (reason === null) resolve(output());
      else reject(reason);
    };
    child.once('error', (error) => settle(noSkopeo(run, error)));
    child.once('close', (code) => {
      settle(code === 0 ? null : skopeoFailure(run.what, errors().toString()));
    });
  });
}

/** Ends the skopeos of killed servers that still work in a folder. Whoever asks has it alone. */
export async function endLeftIn(world: World, folder: string): Promise<void> {
  for (;;) {
    const left = findByArgument(placeOf(folder));
    if (left === null) return;
    await killProcess(world, left);
  }
}

function placeOf(folder: string): string {
  return `--tmpdir=${resolvePath(folder)}`;
}

/** Keeps what comes, up to a limit; calls back when there is more. */
function collect(stream: NodeJS.ReadableStream, limit: number, onMore: () => void): () => Buffer {
  const parts: Buffer[] = [];
  let size = 0;
  stream.on('data', (part: Buffer) => {
    size += part.length;
    if (size > limit) onMore();
    else parts.push(part);
  });
  return () => Buffer.concat(parts);
}

/** Ends the process and what it started; the group has the number of its leader. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

function givenUp({ what, signal }: SkopeoRun): ProviderError {
  const cause: unknown = signal.reason;
  if (cause instanceof ProviderError) return cause;
  return new ProviderError(`${what}: given up`, { retryable: true, cause });
}

function tooSlow({ what, ms }: SkopeoRun): ProviderError {
  return new ProviderError(`${what}: not done within ${ms} ms`, { retryable: true });
}

function tooLong({ what, maxOutput }: SkopeoRun): ProviderError {
  const reason = `${what}: the registry answers more than ${maxOutput} bytes`;
  return new ProviderError(reason, { retryable: false });
}

function noSkopeo({ what, binary }: SkopeoRun, cause: Error): ProviderError {
  const isMissing = 'code' in cause && cause.code === 'ENOENT';
  const why = isMissing ? `${binary} is not installed on this machine` : cause.message;
  return new ProviderError(`${what}: ${why}`, { retryable: false, cause });
}
