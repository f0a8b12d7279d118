import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lastWords, readEnd } from '../../../../server/providers/vm-host/process.ts';

test('of a log only the end is read, however much a guest has written', () => {
  const folder = mkdtempSync(join(tmpdir(), 'log-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'process.log');
  expect([readEnd(log, 10), lastWords(log)]).toEqual(['', '']);
  writeFileSync(log, 'one\ntwo\nthree\nfour\n');
  expect([readEnd(log, 5), readEnd(log, 500)]).toEqual(['four\n', 'one\ntwo\nthree\nfour\n']);
  expect(lastWords(log)).toBe('two | three | four');
  // More than a string can hold: reading all of it would throw. The file is a hole.
  truncateSync(log, 5 * 2 ** 30);
  writeFileSync(log, 'the end', { flag: 'a' });
  expect(lastWords(log)).toContain('the end');
});
