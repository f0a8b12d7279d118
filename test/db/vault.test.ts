import { describe, expect, it } from 'vitest';
import { createVault } from '../../db/vault.ts';
import { virtualWorld } from '../kit/virtual-world.ts';

const world = virtualWorld({ seed: 1 });
const vault = createVault(Buffer.alloc(32, 1), world);
const PLACE = { subjectId: 'session-1', name: 'ssh-key' };
const SECRET = 'a private key: ü\n';

describe('a vault', () => {
  it('opens what it sealed, which shows nothing of it', () => {
    const sealed = vault.seal(PLACE, SECRET);
    expect(vault.open(sealed)).toBe(SECRET);
    expect(Buffer.from(sealed.ciphertext, 'base64').toString('latin1')).not.toContain('private');
  });

  it('never seals twice with the same nonce', () => {
    const sealed = Array.from({ length: 100 }, () => vault.seal(PLACE, SECRET));
    expect(new Set(sealed.map(({ nonce }) => nonce)).size).toBe(100);
    expect(new Set(sealed.map(({ ciphertext }) => ciphertext)).size).toBe(100);
  });

  it('opens nothing of another key', () => {
    const other = createVault(Buffer.alloc(32, 2), world);
    expect(other.open(vault.seal(PLACE, SECRET))).toBeUndefined();
  });

  it('opens nothing that was moved to another row', () => {
    const sealed = vault.seal(PLACE, SECRET);
    expect(vault.open({ ...sealed, subjectId: 'session-2' })).toBeUndefined();
    expect(vault.open({ ...sealed, name: 'access' })).toBeUndefined();
    const shifted = { subjectId: 'session', name: '-1ssh-key' };
    expect(vault.open({ ...sealed, ...shifted })).toBeUndefined();
  });

  it('opens nothing of which a bit was changed, or a piece is missing', () => {
    const sealed = vault.seal(PLACE, SECRET);
    const bytes = Buffer.from(sealed.ciphertext, 'base64');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(bytes.readUInt8(at) ^ 1, at);
      expect(vault.open({ ...sealed, ciphertext: changed.toString('base64') })).toBeUndefined();
      const cut = bytes.subarray(0, at).toString('base64');
      expect(vault.open({ ...sealed, ciphertext: cut })).toBeUndefined();
    }
    expect(vault.open({ ...sealed, nonce: '' })).toBeUndefined();
  });
});
