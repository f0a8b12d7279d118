import { expect, test } from 'vitest';
import {
  captured,
  DISK_CHARACTERS,
  marksOn,
  UNTOUCHED,
  withMark,
  type Files,
} from '../../../../server/providers/simulator/disk.ts';
import { runCommand } from '../../../../server/providers/simulator/guest.ts';

const NOTE: Files = { '/root/note': 'one\n', '/root/deep/': '', '/root/deep/b': 'two' };

type Case = [argv: string[], exitCode: number, stdout: string, stderr: string];

test.each<Case>([
  [['true'], 0, '', ''],
  [['false'], 1, '', ''],
  [['/bin/echo', 'a  b', '$(x)'], 0, 'a  b $(x)\n', ''],
  [['echo', '-n', 'a'], 0, 'a', ''],
  [['echo'], 0, '\n', ''],
  [['hostname'], 0, 'wk-1\n', ''],
  [['uname'], 0, 'Linux\n', ''],
  [['uname', '-n'], 0, 'wk-1\n', ''],
  [['cat'], 0, 'stdin', ''],
  [['cat', 'note', '-', '/root/deep/b'], 0, 'one\nstdintwo', ''],
  [['cat', 'note', 'none'], 1, 'one\n', 'cat: none: No such file or directory\n'],
  [['cat', '/root'], 1, '', 'cat: /root: Is a directory\n'],
  [['ls', '/root'], 0, 'deep\nnote\n', ''],
  [['ls', '-l', 'deep/../note'], 0, 'deep/../note\n', ''],
  [['ls', '/'], 0, 'etc\nhome\nroot\ntmp\nvar\n', ''],
  [['ls', 'none'], 2, '', "ls: cannot access 'none': No such file or directory\n"],
  [['rm', 'none'], 1, '', "rm: cannot remove 'none': No such file or directory\n"],
  [['rm', '-f', 'none'], 0, '', ''],
  [['rm', 'deep'], 1, '', "rm: cannot remove 'deep': Is a directory\n"],
  [['tee', '/none/x'], 1, 'stdin', 'tee: /none/x: No such file or directory\n'],
  [['mkdir', 'deep'], 1, '', "mkdir: cannot create directory 'deep': File exists\n"],
  [['mkdir', 'a/b'], 1, '', "mkdir: cannot create directory 'a/b': No such file or directory\n"],
  [['sleep', 'long'], 1, '', "sleep: invalid time interval 'long'\n"],
  [['sleep'], 1, '', 'sleep: missing operand\n'],
  [['rm -f note'], 127, '', 'rm -f note: not found\n'],
  [[], 127, '', ': not found\n'],
])('%j', (argv, exitCode, stdout, stderr) => {
  const result = runCommand({ hostname: 'wk-1', files: NOTE, stdin: 'stdin' }, argv);
  expect({ ...result, files: undefined, seconds: 0 }).toEqual({
    exitCode,
    stdout,
    stderr,
    files: undefined,
    seconds: 0,
  });
});

test('what is written is read, appended to and removed; the disk before stays as it was', () => {
  const before: Files = { '/etc/own': 'x' };
  const written = run(before, ['tee', '/tmp/a', '/etc/own'], '1').files;
  const appended = run(written, ['tee', '-a', '/tmp/a'], '2').files;
  expect(run(appended, ['cat', '/tmp/a', '/etc/own']).stdout).toBe('121');
  const removed = run(appended, ['rm', '/tmp/a']).files;
  expect(run(removed, ['cat', '/tmp/a']).exitCode).toBe(1);
  expect(before).toEqual({ '/etc/own': 'x' });
});

test('folders are made, and then hold files', () => {
  const made = run(UNTOUCHED, ['mkdir', '-p', '/srv/app']).files;
  const written = run(made, ['tee', '/srv/app/x'], 'y').files;
  expect(run(written, ['ls', '/srv']).stdout).toBe('app\n');
  expect(run(written, ['tee', '/srv/app'], 'y').exitCode).toBe(1);
});

test('a full disk takes nothing more', () => {
  const result = run(UNTOUCHED, ['tee', '/tmp/big'], 'x'.repeat(DISK_CHARACTERS));
  expect(result.stderr).toBe('tee: /tmp/big: No space left on device\n');
  expect(result.files).toBe(UNTOUCHED);
});

test('sleep takes the seconds it is told', () => {
  expect(run(UNTOUCHED, ['sleep', '2.5']).seconds).toBe(2.5);
});

test('a capture leaves out the turn marks, and nothing else', () => {
  const marked = withMark(withMark(NOTE, 'turn-1'), 'turn-2');
  expect(marksOn(marked)).toEqual(['turn-1', 'turn-2']);
  expect(captured(marked)).toEqual(NOTE);
  expect(captured(withMark(UNTOUCHED, 'turn-1'))).toBe(UNTOUCHED);
});

function run(files: Files, argv: readonly string[], stdin = '') {
  return runCommand({ hostname: 'wk-1', files, stdin }, argv);
}
