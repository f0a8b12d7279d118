import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

// How fast anything is depends on the machine: here only that all of it is measured and told.

test('the bench runs and prints its figures', { timeout: 120_000 }, async () => {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['bench/bench.ts', '--quick']);
  for (const name of ['raw transaction', 'claim, 1 ', 'claim, 64 ', 'query, 1 ', 'query, 64 ']) {
    expect(stdout).toMatch(new RegExp(`^.*${name}.*( +[\\d.,]+){4}$`, 'm'));
  }
  for (const ratio of ['raw transactions', 'per CPU second', 'a claim from 100']) {
    expect(stdout).toMatch(new RegExp(`${ratio} +[\\d.,]+$`, 'm'));
  }
  expect(stdout).toContain(`Node ${process.version}`);
});
