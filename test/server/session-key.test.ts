import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { expect, test } from 'vitest';
import { makeSessionKey } from '../../server/session-key.ts';
import { virtualWorld } from '../kit/virtual-world.ts';

const SSH_KEYGEN = 'ssh-keygen';
const hasOpenSsh = spawnSync(SSH_KEYGEN, ['-?']).error === undefined;

test('every key can be read, and both halves are of one key', () => {
  const world = virtualWorld({ seed: 1 });
  for (let made = 0; made < 200; made += 1) {
    const key = makeSessionKey(world);
    const [secret, open] = [
      ssh2.utils.parseKey(key.privateKey),
      ssh2.utils.parseKey(key.publicKey),
    ];
    if (secret instanceof Error) throw secret;
    if (open instanceof Error) throw open;
    expect(secret.isPrivateKey()).toBe(true);
    expect(secret.getPublicSSH()).toEqual(open.getPublicSSH());
    const signature: unknown = secret.sign('text');
    expect(open.verify('text', signature as Buffer)).toBe(true);
  }
});

test('keys come of the chance of the world, and no two are the same', () => {
  const [one, other] = [virtualWorld({ seed: 1 }), virtualWorld({ seed: 1 })];
  const key = makeSessionKey(one);
  expect(makeSessionKey(other)).toEqual(key);
  expect(makeSessionKey(other).publicKey).not.toBe(key.publicKey);
});

test.skipIf(!hasOpenSsh)('OpenSSH reads the file (needs ssh-keygen)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-key-'));
  try {
    const { privateKey, publicKey } = makeSessionKey(virtualWorld({ seed: 2 }));
    const file = join(folder, 'key');
    writeFileSync(file, privateKey, { mode: 0o600 });
    const told = execFileSync(SSH_KEYGEN, ['-y', '-f', file], { encoding: 'utf8' });
    expect(told.trim()).toBe(publicKey);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
