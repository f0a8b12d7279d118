import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REPLACE, SHOW } from '../../../../server/providers/kubevirt/session-key-scripts.ts';

// What guests run, in the shell of this machine.

const MARK = 'snapyard-session';
const OURS = 'ssh-ed25519 AAAAours snapyard\n';
const FIRST = `ssh-ed25519 AAAAfirst ${MARK}\n`;
const SECOND = `ssh-ed25519 AAAAsecond ${MARK}\n`;

let home: string;
let folder: string;
let file: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'snapyard-keys-'));
  folder = join(home, '.ssh');
  file = join(folder, 'authorized_keys');
  mkdirSync(folder);
  writeFileSync(file, OURS);
});
afterEach(() => rmSync(home, { recursive: true }));

function run(script: string, input = '', ...how: string[]) {
  const argv = ['-c', script, 'sh', home, MARK, ...how];
  const { status, stdout, stderr } = spawnSync('sh', argv, {
    input,
    env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' },
  });
  return { status, stdout: stdout.toString(), stderr: stderr.toString() };
}
const WELL = { status: 0, stdout: '', stderr: '' };
const bytes = () => readFileSync(file, 'latin1');

describe('the keys of sessions in a guest', () => {
  it('are one line, which another takes the place of', () => {
    expect(run(REPLACE, FIRST)).toEqual(WELL);
    expect(bytes()).toBe(OURS + FIRST);
    expect(run(REPLACE, SECOND)).toEqual(WELL);
    expect(bytes()).toBe(OURS + SECOND);
    expect(run(SHOW).stdout).toBe(SECOND);
    expect(run(REPLACE)).toEqual(WELL);
    expect(bytes()).toBe(OURS);
    expect(run(SHOW)).toEqual(WELL);
    expect(readdirSync(folder)).toEqual(['authorized_keys']);
  });

  it('are made where there was nothing', () => {
    rmSync(folder, { recursive: true });
    expect(run(SHOW)).toEqual(WELL);
    expect(run(REPLACE, FIRST)).toEqual(WELL);
    expect(bytes()).toBe(FIRST);
  });

  it('that are put back leave one alone that is there', () => {
    expect(run(REPLACE, FIRST, 'keep')).toEqual(WELL);
    expect(run(REPLACE, SECOND, 'keep')).toEqual(WELL);
    expect(bytes()).toBe(OURS + FIRST);
  });

  it.each([
    ['a NUL', '# a\0b\n'],
    ['bytes of another encoding', '# caf\xe9\n'],
  ])('are found, and all others kept, beside %s', (_, odd) => {
    writeFileSync(file, odd + OURS + FIRST, 'latin1');
    expect(run(SHOW)).toEqual({ ...WELL, stdout: FIRST });
    expect(run(REPLACE, SECOND)).toEqual(WELL);
    expect(bytes()).toBe(odd + OURS + SECOND);
    expect(run(REPLACE)).toEqual(WELL);
    expect(bytes()).toBe(odd + OURS);
  });

  it('stay whole though several write at once, and one was cut off', async () => {
    writeFileSync(`${file}.new.1`, 'half a l');
    writeFileSync(join(home, 'cat'), '#!/bin/sh\necho it waits >&2\nexec /bin/cat\n', {
      mode: 0o755,
    });
    const both = [FIRST, SECOND].map((line) => {
      const env = { PATH: `${home}:${process.env['PATH']}` };
      const child = spawn('sh', ['-c', REPLACE, 'sh', home, MARK], { env });
      child.stdin.write(line.slice(0, 20));
      return { child, line, ended: once(child, 'close') };
    });
    // The lines end only when both have opened what they write.
    await Promise.all(both.map(({ child }) => once(child.stderr, 'data')));
    for (const { child, line, ended } of both) {
      child.stdin.end(line.slice(20));
      await ended;
    }
    expect([OURS + FIRST, OURS + SECOND]).toContain(bytes());
    expect(readdirSync(folder)).toEqual(['authorized_keys']);
  });
});
