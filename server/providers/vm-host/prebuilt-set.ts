import { existsSync } from 'node:fs';
import { constants, copyFile, link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BASE_IMAGE, imageRef } from '../../../schema/model/image.ts';
import type { RoleSpec } from '../../../schema/model/template.ts';
import type { World } from '../../world.ts';
import { ProviderError, type SetRef, type SnapshotMaking, type Step } from '../provider.ts';
import { draftFolder } from './folders.ts';
import { fittingsOf, imageFor, sizeOf } from './guest-machine.ts';
import type { Host } from './host.ts';
import { type FetchedImage, imageOf } from './image/bundle.ts';
import { Exchange, type ExchangeSettings } from './image/exchange.ts';
import { keepFetched } from './image/fetched-version.ts';
import { inWorkFolder } from './image/work-folder.ts';
import { findImage } from './image-manifest.ts';
import { isRecord, readJson, writeJson } from './json-file.ts';
import type { FetchedSet, Prebuilt } from './prebuilt.ts';
import { type Fetched, type PrebuiltSettings, decidePrebuilt } from './registry/prebuilt.ts';
import { syncPath } from './sync-path.ts';
import { type StoredSnapshot, describeFile, snapshotFiles } from './set-store.ts';
import { Turns } from './turns.ts';

const FOLDER = '.prebuilt';
const BUNDLE = 'bundle.json';

/** What a set is made of. */
export interface Origin {
  /** The images of its roles, as `base@3`. */
  readonly image: string;
  /** Its roles, with these images. */
  readonly roles: readonly RoleSpec[];
  /** Where these are. */
  readonly imagesDir: string;
  /** Snapshots that can be used as they are; null where guests have to be started. */
  readonly captured: FetchedSet | null;
  readonly made: SnapshotMaking;
}

/** Opens what the settings name. What was fetched is kept beside the images. */
export function openPrebuilt(
  world: World,
  imagesDir: string,
  { exchange: transfer, ...settings }: PrebuiltSettings & { readonly exchange: ExchangeSettings },
): Prebuilt {
  const exchange = new Exchange(world, imagesDir, transfer);
  const turns = new Turns();
  return {
    settings,
    transferMs: transfer.transferMs,
    fetch: (reference, step) =>
      turns.take(FOLDER, () => fetchSet({ world, imagesDir, exchange }, reference, step)),
  };
}

/**
 * Decides what a set is made of: what was captured elsewhere, where the settings want that, it can
 * be had and it fits this machine; else the image that came with it, else the one that is here.
 */
export async function originOf(host: Host, ref: SetRef, step: Step): Promise<Origin> {
  if (host.prebuilt === undefined) return fromHere(host, ref, null);
  const { settings, fetch } = host.prebuilt;
  // What the registry's tag names is not the image that this pool names.
  const isNamed = ref.roles.some(({ image }) => image !== null) && ref.namesNone !== true;
  if (isNamed) return fromHere(host, ref, null);
  const hasBase = findImage(host.imagesDir, BASE_IMAGE) !== undefined;
  let decision = decidePrebuilt(settings, hasBase);
  let set: FetchedSet | null = null;
  if (decision.kind === 'FETCH') {
    const came = await attempt(fetch(decision.reference, step), step);
    set = 'folder' in came ? came : null;
    const fetched: Fetched = 'folder' in came ? { kind: 'HERE', digest: came.digest } : came;
    decision = decidePrebuilt(settings, hasBase, fetched);
  }
  if (decision.kind === 'ERROR') {
    throw new ProviderError(decision.reason, { retryable: decision.retryable });
  }
  const isFetched = decision.kind === 'USE' && decision.source === 'PREBUILT';
  if (isFetched && set !== null) return fromFetched(host, ref, set);
  return fromHere(host, ref, decision.kind === 'USE' ? decision.reason : null);
}

/** Puts snapshots that were fetched into the draft of a set, and proves them. */
export async function takeOver(
  host: Host,
  { folder, snapshots }: FetchedSet,
  ref: SetRef,
): Promise<StoredSnapshot[]> {
  const taken: StoredSnapshot[] = [];
  for (const { role } of ref.roles) {
    const snapshot = snapshots.find((one) => one.role === role);
    if (snapshot === undefined) continue;
    const from = snapshotFiles(folder, role);
    const to = snapshotFiles(draftFolder(host.folders, ref.id), role);
    for (const half of ['memory', 'devices'] as const) {
      await linkOrCopy(from[half], to[half]);
      const { sha256 } = await describeFile(to[half]);
      if (sha256 === snapshot[half].sha256) continue;
      await rm(folder, { recursive: true, force: true });
      const reason = `The prebuilt snapshot in ${folder} is damaged; it is fetched again`;
      throw new ProviderError(reason, { retryable: true });
    }
    taken.push(snapshot);
  }
  return taken;
}

function fromHere(host: Host, ref: SetRef, reason: string | null): Origin {
  const images = ref.roles.map((spec) => imageFor(host, spec));
  const image = images.map(imageRef).join(' ');
  const digest = images[0]?.digest ?? null;
  const made = { source: 'IMAGE', reason, image, digest } as const;
  return { image, roles: ref.roles, imagesDir: host.imagesDir, captured: null, made };
}

function fromFetched(host: Host, ref: SetRef, set: FetchedSet): Origin {
  const fault = ref.roles.map((spec) => {
    const found = set.snapshots.find(({ role }) => role === spec.role);
    const here = host.hypervisor.describeMachine(sizeOf(spec, fittingsOf(host, spec, set.image)));
    if (found === undefined) return 'it holds no snapshot, only an image';
    return found.machine === here ? null : `it was captured on ${found.machine}, not ${here}`;
  });
  const why = fault.find((one) => one !== null) ?? null;
  const image = imageRef(set.image);
  const reason =
    why === null ? null : `The prebuilt snapshot was not used: ${why}; its image was started`;
  const source = why === null ? 'PREBUILT' : 'IMAGE';
  const made: SnapshotMaking = { source, reason, image, digest: set.digest };
  const roles = ref.roles.map((spec) => ({ ...spec, image }));
  return { image, roles, imagesDir: set.folder, captured: why === null ? set : null, made };
}

async function attempt(
  fetching: Promise<FetchedSet>,
  { signal }: Step,
): Promise<FetchedSet | (Fetched & { kind: 'FAILED' })> {
  try {
    return await fetching;
  } catch (error) {
    if (signal.aborted || !(error instanceof ProviderError)) throw error;
    return { kind: 'FAILED', reason: error.reason, retryable: error.retryable };
  }
}

interface Place {
  readonly world: World;
  readonly imagesDir: string;
  readonly exchange: Exchange;
}

async function fetchSet(place: Place, reference: string, step: Step): Promise<FetchedSet> {
  const known = readFetched(folderOf(place, await place.exchange.digestOf(reference, step)));
  if (known !== null) return known;
  return inWorkFolder(place.world, place.imagesDir, async ({ state }) => {
    const files = join(state, 'files');
    const bundle = await place.exchange.fetch(reference, files, step);
    const folder = folderOf(place, bundle.digest);
    const described = imageOf(bundle);
    const draft = join(state, 'set');
    await mkdir(draft, { mode: 0o700 });
    const { name, imageVersion } = described.manifest;
    const fetched = { folder: files, bundle, work: state };
    await keepFetched(place.world, draft, { name, imageVersion }, fetched);
    await moveSnapshots(described, files, draft);
    writeJson(join(draft, BUNDLE), { ...bundle, files: bundle.files });
    await syncPath(join(draft, BUNDLE));
    await replaceAll(folder, draft);
    const whole = readFetched(folder);
    if (whole !== null) return whole;
    throw new ProviderError(`${folder} cannot be read`, { retryable: false });
  });
}

function folderOf({ imagesDir }: Place, digest: string): string {
  return join(imagesDir, FOLDER, digest.slice('sha256:'.length));
}

async function moveSnapshots(
  { snapshots }: FetchedImage,
  files: string,
  draft: string,
): Promise<void> {
  for (const { role } of snapshots) {
    const [from, to] = [snapshotFiles(files, role), snapshotFiles(draft, role)];
    await rename(from.memory, to.memory);
    await rename(from.devices, to.devices);
  }
}

/** One that was fetched before is of no use any more: sets have its files for themselves. */
async function replaceAll(folder: string, draft: string): Promise<void> {
  const parent = dirname(folder);
  await mkdir(parent, { recursive: true, mode: 0o700 });
  for (const name of await readdir(parent)) await rm(join(parent, name), { recursive: true });
  await rename(draft, folder);
  await syncPath(parent);
}

function readFetched(folder: string): FetchedSet | null {
  const bundle = readJson(join(folder, BUNDLE));
  if (!isRecord(bundle) || !existsSync(folder)) return null;
  const { digest, manifest, files } = bundle;
  if (typeof digest !== 'string' || !Array.isArray(files)) return null;
  const described = imageOf({ manifest, files });
  const image = findImage(folder, imageRef(described.manifest));
  return image === undefined ? null : { folder, digest, image, snapshots: described.snapshots };
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch {
    // Sets may lie on another disk.
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  }
}
