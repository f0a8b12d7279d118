import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { baseImage, whyNoVms } from '../kit/qemu.ts';

// How fast anything is depends on the machine: here only that all of it is measured and told.

const missing = await whyNoVms();
if (missing !== null) console.info(`no VMs are measured here: ${missing}`);

const run = promisify(execFile);
const bench = (...options: string[]) => run(process.execPath, ['bench/vms.ts', ...options]);

test.runIf(missing === null)('VMs are measured (needs QEMU)', { timeout: 120_000 }, async () => {
  const images = resolve(baseImage().folder, '..');
  const few = ['--count', '2', '--concurrency', '1,2', '--cold', '1', '--restored', '1'];
  const { stdout } = await bench(...few, '--images', images);
  const figures = ' +[\\d.,]+ +[\\d.,]+ +[\\d.,]+ +[\\d.,]+ +0  ';
  const rows = [
    ['cold boot', 1, 'COLD_BOOT 1'],
    ['from a snapshot', 1, 'SNAPSHOT 1'],
    ['warm, 1 at once', 2, 'WARM 2'],
    ['warm, 2 at once', 2, 'WARM 2'],
  ] as const;
  for (const [name, count, origins] of rows) {
    expect(stdout).toMatch(new RegExp(`^${name} +${count}${figures}${origins}$`, 'm'));
  }
  expect(stdout).toMatch(/^warm, one at a time, p50 +[\d.,]+ {2}goal <= 12: /m);
  expect(stdout).toMatch(/^warm, one at a time, p95 +[\d.,]+ {2}goal <= 25: /m);
  expect(stdout).toMatch(/^cold boot \/ warm +[\d.,]+ {2}goal >= 100: /m);
  expect(stdout).toMatch(/^memory of a ready VM +[\d.]+ MiB of its own, .* 2 VMs together/m);
  expect(stdout).toMatch(/^disk of a set +[\d.]+ MiB/m);
  expect(stdout).toMatch(/^load average at the end [\d.]+$/m);
});

test('what cannot be measured is refused before anything is started', async () => {
  const refused = bench('--concurrency', '21', '--images', '.');
  await expect(refused).rejects.toThrow('--concurrency: numbers from 1 to 20');
  await expect(bench('--images', './nowhere')).rejects.toThrow('npm run qemu:image');
});
