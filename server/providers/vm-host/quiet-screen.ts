import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ProviderError } from '../provider.ts';
import type { Host } from './host.ts';
import type { DiskBoot } from './image-manifest.ts';
import type { RunningVm } from './running-vm.ts';
import { vmFiles } from './folders.ts';
import { refuseIfGivenUp } from './within.ts';

const LOOK_MS = 500;
/** A cursor that blinks makes two pictures that take turns, of a screen that is at rest. */
const AT_REST = 2;

/** A picture of the screen, by its hash, and when it was last another than those before. */
interface Look {
  readonly picture: string;
  readonly at: number;
}

/**
 * Waits until a guest that cannot be asked has come up: until its screen shows nothing new for a
 * while, after a time it needs at least. At the latest it is taken as it is, which is said.
 */
export async function untilScreenIsQuiet(
  host: Host,
  { record, link }: RunningVm,
  ready: DiskBoot['ready'],
  signal: AbortSignal,
): Promise<void> {
  const file = join(vmFiles(host.folders, record.name).folder, 'screen.ppm');
  const began = host.world.elapsed();
  let looks: Look[] = [];
  for (;;) {
    refuseIfGivenUp(signal, `${record.name} boots`);
    const at = host.world.elapsed();
    const picture = await pictureOf(link.control.picture?.bind(link.control), file);
    looks = [...looks, { picture, at }];
    const seconds = (at - began) / 1000;
    if (seconds >= ready.minSeconds && isQuiet(looks, ready.quietSeconds * 1000)) break;
    if (seconds >= ready.maxSeconds) {
      host.log(`${record.name}: its screen never rests; after ${ready.maxSeconds} s it is taken`);
      break;
    }
    await host.world.sleep(LOOK_MS);
  }
  await rm(file, { force: true });
}

/** Whether all that was seen for this long is one screen, and was looked at for this long. */
function isQuiet(looks: readonly Look[], ms: number): boolean {
  const last = looks.at(-1)?.at ?? 0;
  if (last - (looks[0]?.at ?? last) < ms) return false;
  const recent = looks.filter(({ at }) => at >= last - ms).map(({ picture }) => picture);
  return new Set(recent).size <= AT_REST;
}

async function pictureOf(
  take: ((file: string) => Promise<void>) | undefined,
  file: string,
): Promise<string> {
  if (take === undefined) {
    const reason = 'A guest without an agent needs a screen that can be seen';
    throw new ProviderError(reason, { retryable: false });
  }
  await take(file);
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
