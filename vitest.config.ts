import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/kit/longest-first.ts';

// Workers and the servers they start compile the same libraries again and again: they share that.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/compile');

// Those that take long, most of them on real VMs, are a run of their own: `npm run test:long`.
const LONG = 'test/**/*.long.test.ts';
const isLong = process.env['SNAPYARD_TEST_LONG'] === '1';
// A campaign names its files, of either kind.
const isCampaign = process.env['SNAPYARD_CAMPAIGN'] !== undefined;

export default defineConfig({
  // graphql 17 ships a second build behind the "development" condition that vite adds. Without
  // these lines a test and the libraries it calls would hold two copies of graphql.
  ssr: {
    resolve: {
      conditions: ['node', 'import', 'module', 'default'],
      externalConditions: ['node'],
    },
  },
  test: {
    include: isLong && !isCampaign ? [LONG] : ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    exclude: isLong || isCampaign ? [] : [LONG],
    pool: 'forks',
    // Left to itself it uses one worker on two cores, and much of the time is spent waiting.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    sequence: { sequencer: LongestFirst },
    globalSetup: ['test/kit/node-guard.ts'],
    setupFiles: ['test/kit/leaks.ts'],
    testTimeout: 20_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    restoreMocks: true,
    unstubEnvs: true,
    reporters: process.env['CI'] === undefined ? ['default'] : ['default', 'github-actions'],
  },
});
