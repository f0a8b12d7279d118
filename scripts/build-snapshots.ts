/**
 * Builds the images of the catalogue, or makes one of a disk, captures them running, packs them and
 * sends them to a registry: `npm run build:snapshots -- --help` tells how. Where images are, and
 * what they may come to, is said by the same settings as the server's.
 */
import { join, resolve } from 'node:path';
import { readConfig } from '../server/config.ts';
import { ProviderError } from '../server/providers/provider.ts';
import { openCatalogue } from '../server/providers/vm-host/image/catalogue.ts';
import { realWorld } from '../server/world.ts';
import { USAGE, readOptions } from './snapshot-options.ts';
import { StepFailed, planSteps, runSteps } from './snapshot-run.ts';
import { UsageError } from './usage-error.ts';

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) console.error(`build:snapshots: ${error.message}\n${USAGE}`);
  else console.error(`build:snapshots: ${messageOf(error)}`);
  process.exitCode = 1;
}

async function main(argv: readonly string[]): Promise<void> {
  if (argv.includes('--help')) return console.log(USAGE);
  const config = readConfig();
  const options = readOptions(argv, config.registry);
  const catalogue = openCatalogue(config.images.catalogue, console.log);
  const steps = planSteps(options, catalogue);
  if (options.dryRun) {
    return steps.forEach(({ name }, index) => console.log(`${index + 1}. ${name}`));
  }
  const { allowed, authFile, pullLimitBytes } = config.registry;
  const places = { repository: options.registry, allowed, authFile };
  const limits = { pullLimitBytes, diskSizeBytes: config.diskSizeBytes };
  await runSteps(steps, {
    signal: untilStopped(),
    world: realWorld(),
    imagesDir: resolve(join(config.state, 'images')),
    catalogue,
    exchange: { ...places, ...limits, transferMs: config.images.pullMs },
    accel: config.qemu.accel,
    say: (line) => console.log(line),
  });
}

/** VMs outlive us unless they are ended. A Ctrl-C comes twice: `bin/run.js` hands it on. */
function untilStopped(): AbortSignal {
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      abort.abort(new ProviderError(`stopped by ${signal}`, { retryable: false }));
    });
  }
  return abort.signal;
}

function messageOf(error: unknown): string {
  if (error instanceof StepFailed) return error.message;
  return error instanceof Error ? error.message : String(error);
}
