import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BuildError } from './build-error.ts';

const execute = promisify(execFile);
const KERNEL = 'linux-image-cloud-amd64';
const SHELL = 'busybox-static';
const DOWNLOAD_MS = 300_000;

/** Debian's packages, unpacked into one folder. */
export interface UnpackedPackages {
  readonly root: string;
  /** The files that were fetched, which name package and version. */
  readonly names: readonly string[];
}

/**
 * Fetches the kernel and busybox from Debian's archive and unpacks them below a folder. Needs
 * neither root nor that they be installed, only `apt-get` and `dpkg` of a Debian system.
 */
export async function unpackPackages(folder: string): Promise<UnpackedPackages> {
  const root = join(folder, 'root');
  await mkdir(root, { recursive: true });
  const kernel = await realKernel();
  await program('apt-get', ['download', kernel, SHELL], folder);
  const names = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  for (const name of names) await program('dpkg', ['-x', join(folder, name), root], folder);
  if (!existsSync(join(root, 'boot'))) throw new BuildError(`${kernel} holds no kernel`);
  return { root, names };
}

/** The package that the name for "the newest kernel" stands for. */
async function realKernel(): Promise<string> {
  const listed = await program('apt-cache', ['depends', KERNEL], '.');
  const name = /Depends: (linux-image-\S+)/.exec(listed)?.[1];
  if (name === undefined) {
    throw new BuildError(`apt knows no ${KERNEL}: it is Debian's; run apt-get update first`);
  }
  return name;
}

async function program(name: string, argv: readonly string[], cwd: string): Promise<string> {
  try {
    // The locale is set because messages are parsed.
    const options = { cwd, timeout: DOWNLOAD_MS, env: { PATH: SYSTEM_PATH, LC_ALL: 'C' } };
    return (await execute(name, argv, options)).stdout;
  } catch (error) {
    throw new BuildError(failure(name, argv, error), error);
  }
}

const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function failure(name: string, argv: readonly string[], error: unknown): string {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
    return `${name} is missing: the image is made of Debian packages, on Debian with apt and dpkg`;
  }
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  const said = stderr.split('\n').find((line) => line.startsWith('E:') || line.includes('error'));
  return `${name} ${argv[0] ?? ''} failed (${said ?? 'no reason given'}); try apt-get update first`;
}
