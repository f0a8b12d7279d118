/**
 * Tokens of the API, in the file that SNAPYARD_TOKENS names. A running server sees a change at
 * once; only hashes are kept, so a token is shown when it is made and never again.
 *
 *   npm run token -- create NAME VIEWER|USER|ADMIN
 *   npm run token -- list
 *   npm run token -- revoke ID
 */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { SYSTEM } from '../schema/model/change.ts';
import { ROLES } from '../schema/model/viewer.ts';
import { readConfig } from '../server/config.ts';
import { newToken, readTokens, type TokenEntry, writeTokens } from '../server/token-file.ts';
import { realWorld } from '../server/world.ts';

const USAGE = `usage: npm run token -- create NAME ${ROLES.join('|')} | list | revoke ID`;

/** A use of this command that cannot be followed; the message is one line. */
class Misuse extends Error {}

function create(path: string, name: string | undefined, roleText: string | undefined): void {
  const role = ROLES.find((one) => one === roleText?.toUpperCase());
  if (name === undefined || name.length > 128 || role === undefined) throw new Misuse(USAGE);
  if (name === SYSTEM) throw new Misuse(`${SYSTEM} is what nobody asked for; take another name`);
  const { token, entry } = newToken(realWorld(), name, role);
  mkdirSync(dirname(path), { recursive: true });
  writeTokens(path, [...presentTokens(path), entry]);
  console.error(`Token ${entry.id} of ${name} (${role}). It is shown this once:`);
  console.log(token);
}

function list(path: string): void {
  const entries = presentTokens(path);
  for (const { id, name, role, createdAt } of entries) {
    console.log([id, role.padEnd(6), createdAt, name].join('  '));
  }
  if (entries.length === 0) console.error('no tokens: nobody can use the API');
}

function revoke(path: string, id: string | undefined): void {
  const entries = presentTokens(path);
  if (id === undefined) throw new Misuse(USAGE);
  const rest = entries.filter((entry) => entry.id !== id);
  if (rest.length === entries.length) throw new Misuse(`there is no token ${id}`);
  writeTokens(path, rest);
  console.error(`Token ${id} is revoked.`);
}

function presentTokens(path: string): TokenEntry[] {
  return existsSync(path) ? readTokens(path) : [];
}

function run([verb, first, second]: readonly string[]): void {
  const path = readConfig().tokens;
  if (path === undefined) throw new Misuse('SNAPYARD_TOKENS must name the file of tokens');
  if (verb === 'create') return create(path, first, second);
  if (verb === 'list') return list(path);
  if (verb === 'revoke') return revoke(path, first);
  throw new Misuse(USAGE);
}

try {
  run(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
