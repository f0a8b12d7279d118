import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../server/config.ts';
import { openVault } from '../../server/secrets-key.ts';
import { virtualWorld } from '../kit/virtual-world.ts';

const PLACE = { subjectId: 'session-1', name: 'access' };
let folder: string;
let lines: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'snapyard-secrets-'));
  lines = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const own = () => join(folder, 'db.key');
const open = (named?: string, seed = 1) =>
  openVault({ named, own: own() }, virtualWorld({ seed }), (line) => void lines.push(line));
const modeOf = (path: string) => statSync(path).mode & 0o777;

describe('the key of secrets', () => {
  it('is made once, for nobody but its owner', () => {
    const sealed = open().seal(PLACE, 'secret');
    expect(modeOf(own())).toBe(0o600);
    const text = readFileSync(own(), 'utf8');
    expect(text).toMatch(/^[0-9a-f]{64}\n$/);
    expect(open(undefined, 2).open(sealed)).toBe('secret');
    expect(readFileSync(own(), 'utf8')).toBe(text);
    expect(lines).toEqual([]);
  });

  it('that others may read is for its owner only afterwards, and that is told', () => {
    open();
    chmodSync(own(), 0o644);
    open();
    expect(modeOf(own())).toBe(0o600);
    expect(lines).toEqual([`${own()} could be read by others, and is now for its owner only`]);
  });

  it('is that of the file which a setting names, and none is made', () => {
    const named = join(folder, 'named');
    writeFileSync(named, `${'AB'.repeat(32)}\n`, { mode: 0o440 });
    const sealed = open(named).seal(PLACE, 'secret');
    expect(open(named).open(sealed)).toBe('secret');
    expect(() => statSync(own())).toThrow('ENOENT');
    expect(modeOf(named)).toBe(0o440);
  });

  it.each([
    ['is not there', undefined, 0o600, 'ENOENT'],
    ['everybody may read', 'ab'.repeat(32), 0o644, 'everybody may read it; chmod 600'],
    ['holds no key', 'ab', 0o600, 'it must be 64 hexadecimal digits'],
  ])('named by a setting, that %s stops the start in one line', (_what, text, mode, why) => {
    const named = join(folder, 'named');
    if (text !== undefined) writeFileSync(named, text);
    if (text !== undefined) chmodSync(named, mode);
    expect(() => open(named)).toThrow(ConfigurationError);
    expect(() => open(named)).toThrow(`SNAPYARD_SECRETS_KEY: ${named} cannot be used: `);
    expect(() => open(named)).toThrow(why);
    expect(() => open(named)).not.toThrow(/abab/);
  });

  it('that was not finished is begun anew, and never had its name', () => {
    const world = {
      secret: () => {
        throw new Error('the disk is full');
      },
    };
    expect(() => openVault({ named: undefined, own: own() }, world, () => {})).toThrow('is full');
    expect(existsSync(own())).toBe(false);
    writeFileSync(`${own()}.new`, 'ab', { mode: 0o644 });
    open();
    expect(readFileSync(own(), 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    expect(modeOf(own())).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['db.key']);
  });

  it('that is a link to what is away is not replaced', () => {
    symlinkSync(join(folder, 'away'), own());
    expect(() => open()).toThrow('ENOENT');
    expect(readdirSync(folder)).toEqual(['db.key']);
  });

  it('of ours that is damaged stops the start, and says how to go on', () => {
    writeFileSync(own(), 'ab'.repeat(20), { mode: 0o600 });
    expect(() => open()).toThrow('hexadecimal digits; delete it, and a new one is made');
  });
});
