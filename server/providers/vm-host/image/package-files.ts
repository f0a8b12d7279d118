import { lstatSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ArchiveEntry } from './cpio.ts';

/** What nobody reads in a guest that lives for minutes. */
const LEFT_OUT = [
  /^usr\/share\/(doc|doc-base|man|info|locale|lintian|bash-completion|zsh|menu|bug)(\/|$)/,
  /^usr\/lib\/[^/]+\/gconv(\/|$)/,
  /^usr\/share\/(i18n|gcc|gdb|pixmaps|icons|applications)(\/|$)/,
  /^(etc\/(init\.d|default|cron\.[a-z]+|logrotate\.d)|lib\/systemd|usr\/lib\/systemd)(\/|$)/,
];

/** The files of unpacked packages, in order of their paths and owned by root. */
export function packageEntries(root: string): ArchiveEntry[] {
  const kept = pathsBelow(root).filter((path) => !LEFT_OUT.some((out) => out.test(path)));
  const entries = kept.flatMap((path) => entryAt(root, path));
  return [...entries, ...loaderLink(kept)].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/**
 * Not Node's recursive reading: that goes through links, and one to `/etc` would bring the files
 * of this machine into an image.
 */
function pathsBelow(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((found) => {
    const path = join(folder, found.name);
    return found.isDirectory() ? [path, ...pathsBelow(root, path)] : [path];
  });
}

function entryAt(root: string, path: string): ArchiveEntry[] {
  const full = join(root, path);
  const found = lstatSync(full);
  const mode = found.mode & 0o7777;
  if (found.isDirectory()) return [{ kind: 'FOLDER', path, mode }];
  if (found.isSymbolicLink()) return [{ kind: 'LINK', path, target: readlinkSync(full) }];
  return found.isFile() ? [{ kind: 'FILE', path, mode, data: readFileSync(full) }] : [];
}

/** Programs ask for their loader by a path that newer packages leave to the installer to link. */
function loaderLink(paths: readonly string[]): ArchiveEntry[] {
  const isNeeded = paths.includes('usr/lib64') && !paths.includes('lib64');
  return isNeeded ? [{ kind: 'LINK', path: 'lib64', target: 'usr/lib64' }] : [];
}
