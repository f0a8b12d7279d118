import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

// How fast anything is depends on the machine: here only that all of it is measured and told.

const RATES = [
  'raw transaction',
  'claim, 1 ',
  'claim, 64 ',
  'query, 1 ',
  'query, 64 ',
  'node:http',
];
const FLOWS = ['2 events under way, ours', 'bursts of 32, raw', 'clusterUpdated.*, ours'];
const RATIOS = ['raw transactions', 'per CPU second', 'a claim from 100'];
const GOALS = [
  '.*2 events under way',
  '.*bursts of 32',
  'clusterUpdated.*',
  'heap of an idle subscriber.*',
  'per CPU second, of node:http.*',
  'p50 since the request was sent',
  'p99 since the request was sent',
  'growth of the process.*',
  "the healthy subscriber's p99.*",
];

test('the bench runs and prints its figures', { timeout: 120_000 }, async () => {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['bench/bench.ts', '--quick']);
  for (const name of RATES) {
    expect(stdout).toMatch(new RegExp(`^.*${name}.*( +[\\d.,]+){4}$`, 'm'));
  }
  for (const name of FLOWS) {
    expect(stdout).toMatch(new RegExp(`^.*${name}( +-?[\\d.,]+){5}$`, 'm'));
  }
  for (const ratio of RATIOS) {
    expect(stdout).toMatch(new RegExp(`${ratio} +[\\d.,]+$`, 'm'));
  }
  for (const goal of GOALS) {
    expect(stdout).toMatch(new RegExp(`^ +${goal} +-?[\\d.,]+ +goal [<>]= [\\d.]+: `, 'm'));
  }
  expect(stdout).toContain(`Node ${process.version}`);
});

test('a part that does not exist is named', async () => {
  const run = promisify(execFile);
  const asked = run(process.execPath, ['bench/bench.ts', '--only', 'claims,nothing']);
  await expect(asked).rejects.toThrow('no part nothing: claims, fanout, http');
});
