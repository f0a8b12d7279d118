import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ProviderError } from '../provider.ts';
import { vmFiles } from './folders.ts';
import type { Host } from './host.ts';
import type { Control } from './hypervisor.ts';
import type { DiskBoot } from './image-manifest.ts';
import type { VmRecord } from './vm-record.ts';
import { refuseIfGivenUp } from './within.ts';

const LOOK_MS = 500;
/** A cursor that blinks makes two pictures that take turns, of a screen that is at rest. */
const AT_REST = 2;

/** What is needed of a VM for that. */
interface Screened {
  readonly record: Pick<VmRecord, 'name'>;
  readonly link: { readonly control: Pick<Control, 'picture'> };
}

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
  host: Pick<Host, 'world' | 'folders' | 'settings' | 'log'>,
  { record, link }: Screened,
  ready: DiskBoot['ready'],
  signal: AbortSignal,
): Promise<void> {
  const file = join(vmFiles(host.folders, record.name).folder, 'screen.ppm');
  const longest = Math.min(ready.maxSeconds, host.settings.diskBootMs / 1000);
  const began = host.world.elapsed();
  let looks: Look[] = [];
  for (;;) {
    refuseIfGivenUp(signal, `${record.name} boots`);
    const at = host.world.elapsed();
    const picture = await pictureOf(link.control.picture?.bind(link.control), file);
    looks = [...looks, { picture, at }];
    const seconds = (at - began) / 1000;
    if (seconds >= ready.minSeconds && isQuiet(looks, ready.quietSeconds * 1000)) break;
    if (seconds >= longest) {
      host.log(`${record.name}: its screen never rests; after ${longest} s it is taken`);
      break;
    }
    await host.world.sleep(LOOK_MS);
  }
  rmSync(file, { force: true });
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
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
