import {
  chmodSync,
  closeSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { dropAccess } from '../db/session-access.ts';
import { pageOfSecrets } from '../db/secret.ts';
import type { Store } from '../db/store.ts';
import { createVault, VAULT_KEY_BYTES, type SecretPlace, type Vault } from '../db/vault.ts';
import { ConfigurationError } from './config.ts';
import type { World } from './world.ts';

/**
 * The key by which secrets lie sealed in the database. It is a file of its own, so that a copy of
 * the database tells nobody anything. Secrets that it does not open, as after the file was changed
 * for another or lost, are forgotten at the start and obtained anew: that is how it is changed.
 */

/** Where the key is. */
export interface KeyPlace {
  /** The file that a setting names; it must be there. */
  readonly named: string | undefined;
  /** The file that is made when no setting names one. */
  readonly own: string;
}

const OTHERS_MAY = 0o007;
const ANYBODY_ELSE_MAY = 0o077;
const OWNER_MAY = 0o600;

/** Opens the vault, making the key where there is none; `warn` tells what was mended. */
export function openVault(
  { named, own }: KeyPlace,
  world: Pick<World, 'secret'>,
  warn: (line: string) => void,
): Vault {
  const key = named === undefined ? ownKey(own, world, warn) : namedKey(named);
  return createVault(key, world);
}

function namedKey(path: string): Buffer {
  try {
    return readKey(path, (mode) => {
      if ((mode & OTHERS_MAY) === 0) return;
      throw new Error(`everybody may read it; chmod 600 ${path}`);
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(`SNAPYARD_SECRETS_KEY: ${path} cannot be used: ${reason}`);
  }
}

function ownKey(path: string, world: Pick<World, 'secret'>, warn: (line: string) => void): Buffer {
  makeKey(path, world);
  try {
    return readKey(path, (mode) => {
      if ((mode & ANYBODY_ELSE_MAY) === 0) return;
      chmodSync(path, OWNER_MAY);
      warn(`${path} could be read by others, and is now for its owner only`);
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const advice = `delete it, and a new one is made`;
    throw new ConfigurationError(`the key of secrets ${path} cannot be used: ${reason}; ${advice}`);
  }
}

/**
 * Makes a key unless there is one: whole, on the disk, and never for a moment readable. It gets
 * its name when all of it is there, so that a crash or a full disk leaves no half of a key behind.
 * Nobody else is at it: whoever makes it holds the database.
 */
function makeKey(path: string, world: Pick<World, 'secret'>): void {
  // A link that leads nowhere is there, too: what it led to may only be away.
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) return;
  const unfinished = `${path}.new`;
  rmSync(unfinished, { force: true });
  const fd = openSync(unfinished, 'wx', OWNER_MAY);
  try {
    writeFileSync(fd, `${world.secret(VAULT_KEY_BYTES)}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(unfinished, path);
  const folder = openSync(dirname(path), 'r');
  fsyncSync(folder);
  closeSync(folder);
}

function readKey(path: string, assertMode: (mode: number) => void): Buffer {
  const fd = openSync(path, 'r');
  try {
    assertMode(fstatSync(fd).mode);
    const text = readFileSync(fd, 'utf8').trim();
    const isKey = new RegExp(`^[0-9a-f]{${VAULT_KEY_BYTES * 2}}$`, 'i').test(text);
    if (!isKey) throw new Error(`it must be ${VAULT_KEY_BYTES * 2} hexadecimal digits`);
    return Buffer.from(text, 'hex');
  } finally {
    closeSync(fd);
  }
}

/** Secrets that are looked at in one transaction; forgetting one writes about four rows. */
const BATCH = 32;

/**
 * Forgets the secrets that the vault does not open, whose sessions get others where they run.
 * Answers how many there were.
 */
export async function forgetUnopened(store: Store, vault: Vault): Promise<number> {
  let forgotten = 0;
  let after: SecretPlace | undefined = { subjectId: '', name: '' };
  while (after !== undefined) {
    const from: SecretPlace = after;
    const page = await store.transact((tx) => {
      const secrets = pageOfSecrets(tx.db, from, BATCH);
      const unopened = secrets.filter((sealed) => vault.open(sealed) === undefined);
      for (const subjectId of new Set(unopened.map((sealed) => sealed.subjectId))) {
        dropAccess(tx, subjectId, { cause: 'RESTART', reason: 'the key of secrets is another' });
      }
      return { last: secrets.at(-1), count: unopened.length };
    });
    forgotten += page.count;
    after = page.last;
  }
  return forgotten;
}
