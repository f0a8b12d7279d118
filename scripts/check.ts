/**
 * Everything a change must pass, a line each: `npm run check`, or `npm run check -- lint types`.
 *
 * All steps run even when one fails. With SNAPYARD_TESTS_DONE=1 the tests, which take longest, are
 * left out: for a build that has just run them.
 */
import { spawnSync } from 'node:child_process';

const STEPS = new Map<string, readonly string[]>([
  ['format', ['oxfmt', '--check']],
  ['lint', ['oxlint', '--type-aware', '--deny-warnings']],
  ['types', ['tsc', '-b']],
  ['imports', ['node', 'scripts/imports.ts']],
  ['unused', ['knip']],
  ['generated', ['node', 'scripts/generate.ts', '--check']],
  ['test', ['vitest', 'run']],
]);

function chooseSteps(wanted: readonly string[]): string[] {
  const unknown = wanted.filter((name) => !STEPS.has(name));
  if (unknown.length > 0) {
    throw new Error(`no such step: ${unknown.join(', ')}. Steps: ${[...STEPS.keys()].join(', ')}`);
  }
  if (wanted.length > 0) return [...wanted];
  const testsDone = process.env['SNAPYARD_TESTS_DONE'] === '1';
  return [...STEPS.keys()].filter((name) => name !== 'test' || !testsDone);
}

/** Runs one step and prints its output only when it fails; the tests speak for themselves. */
function passes(name: string): boolean {
  const [command = '', ...args] = STEPS.get(name) ?? [];
  const startedAt = Date.now();
  const stdio = name === 'test' ? 'inherit' : 'pipe';
  const result = spawnSync(command, args, { encoding: 'utf8', stdio });
  const passed = result.status === 0;
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(`${passed ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`);
  if (!passed) console.log(result.error?.message ?? `${result.stdout}${result.stderr}`);
  return passed;
}

const failed = chooseSteps(process.argv.slice(2)).filter((name) => !passes(name));
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
