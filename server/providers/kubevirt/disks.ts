import { ProviderError, type Step } from '../provider.ts';
import { ensureObject } from './calls.ts';
import { failed, lastWarnings, toldOf } from './errors.ts';
import type { Host } from './host.ts';
import { insist, type Limits } from './insist.ts';
import { removeOne } from './leftovers.ts';
import { dataVolumeManifest, type DiskParts, type DiskSource } from './manifests.ts';
import { DATA_VOLUMES, fillingOf, nameOf, type DataVolume } from './objects.ts';
import { viewOfOurs } from './our-views.ts';
import { together } from './together.ts';
import { nowAndThen, until } from './until.ts';
import { endOf } from './within.ts';

/** A disk to be filled, and what it may be filled from, the best first. */
export interface DiskWish extends Omit<DiskParts, 'source'> {
  readonly sources: readonly NamedSource[];
  /** How long each of them has, in milliseconds; ten minutes when left out. */
  readonly copyMs?: number | undefined;
  /** What is to be done as soon as it is begun, while it is filled; may be done again. */
  readonly meanwhile?: (step: Step) => Promise<unknown>;
}

/** A source of a disk, with the rung it stands for. */
export interface NamedSource {
  readonly rung: string;
  readonly source: DiskSource;
}

/** Copies take seconds to minutes; CDI may try an impossible one for ever. */
const COPY_MS = 600_000;

/**
 * Makes a disk and waits until it is filled. A source that does not do it in its time is given up
 * for the next, and the reason is told.
 */
export async function ensureDisk(host: Host, wish: DiskWish, step: Step): Promise<void> {
  const { sources, copyMs: _, meanwhile, ...parts } = wish;
  const reasons: string[] = [];
  for (const { rung, source } of sources) {
    if (reasons.length > 0) {
      step.progress(`${rung}, because ${reasons.at(-1)}`);
      await removeDisk(host, wish, step);
    }
    try {
      const manifest = dataVolumeManifest({ ...parts, source });
      await insist(host, step, `making the disk ${wish.name}`, () =>
        ensureObject(host, DATA_VOLUMES, manifest, step.signal),
      );
      const jobs = [(by: Step) => untilFilled(host, wish, by), meanwhile ?? (() => done)];
      await together<Step, unknown>(step, jobs);
      return;
    } catch (error) {
      if (step.signal.aborted || !(error instanceof ProviderError)) throw error;
      reasons.push(`${rung}: ${error.reason}`);
    }
  }
  throw failed(reasons.join('; '));
}

const done = Promise.resolve();

/** Phases that do not change any more. */
const ENDED: ReadonlySet<string> = new Set(['Succeeded', 'Failed']);

/** Waits until the disk of that name is filled; a failure tells its events too. */
async function untilFilled(host: Host, wish: DiskWish, step: Step): Promise<void> {
  const { namespace, name, copyMs = COPY_MS } = wish;
  const of = { namespace, name };
  let seen: DataVolume | undefined;
  const limit = host.world.elapsed() + copyMs;
  const wait = {
    what: `the disk ${name} to be filled`,
    signal: step.signal,
    deadline: Math.min(limit, endOf(host, step) ?? limit),
    namespace,
    detail: () => stateOf(seen),
  };
  const view = viewOfOurs(host, DATA_VOLUMES, step);
  const isDue = nowAndThen(host);
  try {
    await until(host, [view], wait, async () => {
      const known = view.get(of);
      // As long as it is known to be under way there is nothing to ask.
      if (known !== undefined && !ENDED.has(known.status?.phase ?? '') && !isDue()) {
        seen = known;
        return undefined;
      }
      seen = await find(host, of, step);
      if (seen === undefined) throw gone(name);
      const phase = seen.status?.phase;
      if (phase === 'Failed') throw failed(stateOf(seen));
      return phase === 'Succeeded' ? true : undefined;
    });
  } catch (error) {
    if (step.signal.aborted || !(error instanceof ProviderError)) throw error;
    // What a copy suffers from is nowhere else than in its events.
    const warnings = await lastWarnings(host.kubernetes, of, step.signal);
    throw failed(`${error.reason}${toldOf(warnings)}`, error);
  }
}

async function removeDisk(host: Host, { namespace, name }: DiskWish, step: Step): Promise<void> {
  const of = { namespace, name };
  const present = await find(host, of, step);
  if (present === undefined) return;
  await removeOne(host, DATA_VOLUMES, present, step);
  const wait = {
    what: `the disk ${name} to go`,
    signal: step.signal,
    deadline: endOf(host, step),
  };
  const view = viewOfOurs(host, DATA_VOLUMES, step);
  await until(host, [view], wait, async () => {
    const now = await find(host, of, step);
    return now?.metadata.uid === present.metadata.uid ? undefined : true;
  });
}

function find(
  host: Host,
  of: { readonly namespace: string; readonly name: string },
  limits: Limits,
): Promise<DataVolume | undefined> {
  return insist(host, limits, `looking at the disk ${of.name}`, () =>
    host.kubernetes.get(DATA_VOLUMES, of, limits.signal),
  );
}

function stateOf(disk: DataVolume | undefined): string {
  if (disk === undefined) return 'there is no such disk';
  return `${nameOf(disk).name} is ${fillingOf(disk)}`;
}

function gone(name: string): ProviderError {
  return failed(`the disk ${name} was deleted`);
}
