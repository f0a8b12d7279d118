/**
 * Adds to package-lock.json what npm left out: `npm run complete-lock`. Run this after
 * `npm install` changed the lock.
 *
 * Tools with native parts name one optional package a platform, each at an exact version. npm drops
 * from the lock those it could not fetch while installing, and `npm ci` then refuses the lock.
 *
 * A package with sources in C++ is compiled by `npm ci` unless its manifest says `gypfile: false`.
 * npm reads that from the lock, but never writes it there: without it `npm ci` asks for Python and
 * a compiler to build what the package brings ready-made.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const LOCK = fileURLToPath(new URL('../package-lock.json', import.meta.url));
const SYSTEM = '(?<os>android|darwin|freebsd|linux|openharmony|win32)';
const PROCESSOR = '(?<cpu>arm64|arm|x64|ia32|ppc64|riscv64|s390x)';
const PLATFORM = new RegExp(`\\b${SYSTEM}-${PROCESSOR}(-(?<libc>gnu|musl|[a-z]+))?$`);

/** What the lock says of one package, as far as it matters here. */
interface Entry {
  version?: string;
  gypfile?: boolean;
  optionalDependencies?: Record<string, string>;
  [field: string]: unknown;
}

/** A lock file: its packages by their place below the root. */
export interface Lock {
  packages: Record<string, Entry>;
}

/** The platform packages that some package wants and the lock lacks, by the place they belong. */
export function findMissing({ packages }: Lock): Map<string, Entry> {
  const missing = new Map<string, Entry>();
  for (const [place, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (resolve(packages, place, name)?.version === version || !PLATFORM.test(name)) continue;
      const folder = findSiblings(packages, place, Object.keys(optionalDependencies));
      missing.set(`${folder}node_modules/${name}`, describe(name, version, dev === true));
    }
  }
  return missing;
}

/** Looks a package up as Node does, from the place of whoever wants it upwards. */
function resolve(packages: Lock['packages'], place: string, name: string): Entry | undefined {
  const path = `${place === '' ? '' : `${place}/`}node_modules/${name}`;
  const found = packages[path];
  if (found !== undefined || place === '') return found;
  return resolve(packages, place.replace(/\/?node_modules\/(@[^/]+\/)?[^/]+$/, ''), name);
}

/** The folder in which npm put the other platform packages of the same tool. */
function findSiblings(packages: Lock['packages'], place: string, names: string[]): string {
  const nested = names.some((name) => `${place}/node_modules/${name}` in packages);
  if (nested) return `${place}/`;
  return place.replace(/node_modules\/(@[^/]+\/)?[^/]+$/, '');
}

function describe(name: string, version: string, dev: boolean): Entry {
  const { os, cpu, libc } = PLATFORM.exec(name)?.groups ?? {};
  const family = libc?.startsWith('musl') === true ? 'musl' : 'glibc';
  return {
    version,
    cpu: [cpu],
    ...(dev ? { dev } : {}),
    ...(os === 'linux' && libc !== undefined ? { libc: [family] } : {}),
    optional: true,
    os: [os],
  };
}

/** The entries of packages that must not be compiled and whose entry does not say so, corrected. */
export function findCompiled({ packages }: Lock): Map<string, Entry> {
  const wrong = Object.entries(packages).filter(
    ([place, { gypfile }]) => gypfile !== false && bringsBinaries(place),
  );
  return new Map(wrong.map(([place, entry]) => [place, { ...entry, gypfile: false }]));
}

function bringsBinaries(place: string): boolean {
  const path = fileURLToPath(new URL(`../${place}/package.json`, import.meta.url));
  if (place === '' || !existsSync(path)) return false;
  return (JSON.parse(readFileSync(path, 'utf8')) as Entry).gypfile === false;
}

if (import.meta.main) {
  const lock = JSON.parse(readFileSync(LOCK, 'utf8')) as Lock;
  const missing = findMissing(lock);
  const compiled = findCompiled(lock);
  const packages = { ...lock.packages, ...Object.fromEntries([...missing, ...compiled]) };
  const sorted = Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries(sorted);
  writeFileSync(LOCK, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`complete-lock: added ${missing.size} platform packages`);
  console.log(`complete-lock: ${compiled.size} packages are no longer compiled`);
}
