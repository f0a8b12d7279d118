import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { BuildError } from './build-error.ts';
import { debian } from './debian.ts';
import { packageClosure, readDependencies } from './package-closure.ts';

const KERNEL = 'linux-image-cloud-amd64';
const SHELL = 'busybox-static';
const PACKAGE = /^[a-z0-9][a-z0-9+.-]+$/;
/** Only what a package cannot do without. */
const STRICTLY = ['recommends', 'suggests', 'conflicts', 'breaks', 'replaces', 'enhances'];

/** Debian's packages, unpacked into one folder. */
export interface UnpackedPackages {
  readonly root: string;
  /** Name and version of each, as `bc 1.07.1-3`. */
  readonly names: readonly string[];
}

/** Fetches the kernel and busybox from Debian's archive and unpacks them below a folder. */
export async function unpackBasePackages(
  folder: string,
  signal: AbortSignal,
): Promise<UnpackedPackages> {
  const kernel = await realKernel(signal);
  const unpacked = await unpack([kernel, SHELL], folder, signal);
  if (!existsSync(join(unpacked.root, 'boot'))) throw new BuildError(`${kernel} holds no kernel`);
  return unpacked;
}

/**
 * Fetches packages with all that they need, without what is there already (given as `names` of an
 * earlier answer), and unpacks them. Their scripts are not run.
 */
export async function unpackPackages(
  wanted: readonly string[],
  there: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<UnpackedPackages> {
  const bad = wanted.find((name) => !PACKAGE.test(name));
  if (bad !== undefined) throw new BuildError(`"${bad}" cannot be the name of a package`);
  const options = ['--recurse', ...STRICTLY.map((kind) => `--no-${kind}`)];
  // Where apt knows none of them it does not say which: one that it knows lets us name the others.
  const asked = ['depends', ...options, SHELL, ...wanted];
  const printed = await debian('apt-cache', asked, '.', signal);
  const known = new Set(there.map((name) => name.split(' ', 1)[0] ?? ''));
  return unpack(packageClosure(wanted, readDependencies(printed), known), folder, signal);
}

async function unpack(
  names: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<UnpackedPackages> {
  const root = join(folder, 'root');
  await mkdir(root, { recursive: true });
  if (names.length > 0) await debian('apt-get', ['download', ...names], folder, signal);
  const files = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  for (const name of files) await debian('dpkg', ['-x', join(folder, name), root], folder, signal);
  return { root, names: files.map(packageOf).toSorted() };
}

/** A file is called `name_version_architecture.deb`, with colons written as `%3a`. */
function packageOf(file: string): string {
  const [name = '', version = ''] = file.split('_');
  return `${name} ${decodeURIComponent(version)}`;
}

/** The package that the name for "the newest kernel" stands for. */
async function realKernel(signal: AbortSignal): Promise<string> {
  const listed = await debian('apt-cache', ['depends', KERNEL], '.', signal);
  const name = /Depends: (linux-image-\S+)/.exec(listed)?.[1];
  if (name === undefined) {
    throw new BuildError(`apt knows no ${KERNEL}: it is Debian's; run apt-get update first`);
  }
  return name;
}
