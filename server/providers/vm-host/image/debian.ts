import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { BuildError } from './build-error.ts';
import { codeOf } from '../error-code.ts';

const execute = promisify(execFile);
const PROGRAM_MS = 300_000;
const MOST_OUTPUT = 16 * 2 ** 20;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Runs one of Debian's programs (`apt-get`, `apt-cache`, `dpkg`), none of which needs root for what
 * is asked of it here, and answers what it prints.
 */
export async function debian(
  name: string,
  argv: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  try {
    // The locale is set because messages are parsed.
    const env = { PATH: SYSTEM_PATH, LC_ALL: 'C' };
    const options = { cwd, timeout: PROGRAM_MS, maxBuffer: MOST_OUTPUT, env, signal };
    return (await execute(name, argv, options)).stdout;
  } catch (error) {
    signal.throwIfAborted();
    throw new BuildError(failure(name, argv, error), error, !isMissing(error));
  }
}

function failure(name: string, argv: readonly string[], error: unknown): string {
  if (isMissing(error)) {
    return `${name} is missing: images are made of Debian packages, on Debian with apt and dpkg`;
  }
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  const said = stderr.split('\n').find((line) => line.startsWith('E:') || line.includes('error'));
  return `${name} ${argv[0] ?? ''} failed (${said ?? 'no reason given'}); try apt-get update first`;
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}
