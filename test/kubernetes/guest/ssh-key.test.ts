import ssh2 from 'ssh2';
import { expect, test } from 'vitest';
import { makeSshKey } from './ssh-key.ts';

test('every key can be read, and both halves are of one key', () => {
  for (let made = 0; made < 300; made += 1) {
    const key = makeSshKey();
    const [secret, open] = [ssh2.utils.parseKey(key.private), ssh2.utils.parseKey(key.public)];
    if (secret instanceof Error) throw secret;
    if (open instanceof Error) throw open;
    expect(secret.getPublicSSH()).toEqual(open.getPublicSSH());
    const signature: unknown = secret.sign('text');
    expect(open.verify('text', signature as Buffer)).toBe(true);
  }
});
