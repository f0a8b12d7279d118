import { join } from 'node:path';
import { BASE_IMAGE, type ImageRecipe, imageRef } from '../schema/model/image.ts';
import { ProviderError, type SetRef, type Step } from '../server/providers/provider.ts';
import { qemuDiskProbe } from '../server/providers/qemu/disk-probe.ts';
import { findHypervisor } from '../server/providers/qemu/find-hypervisor.ts';
import { createQemuProvider } from '../server/providers/qemu/provider.ts';
import { DEFAULT_QEMU_SETTINGS } from '../server/providers/qemu/settings.ts';
import type { QemuSettings } from '../server/providers/qemu/settings.ts';
import { type DiskOrder, importDisk } from '../server/providers/vm-host/disk/import.ts';
import { makeFolders, removeFolder, setFolder } from '../server/providers/vm-host/folders.ts';
import { type Image, findImage } from '../server/providers/vm-host/image-manifest.ts';
import { asProviderError } from '../server/providers/vm-host/image/build-error.ts';
import { buildBase, buildVersion } from '../server/providers/vm-host/image/build.ts';
import type { Captured } from '../server/providers/vm-host/image/bundle.ts';
import type { Catalogue } from '../server/providers/vm-host/image/catalogue.ts';
import { Exchange, type ExchangeSettings } from '../server/providers/vm-host/image/exchange.ts';
import { inWorkFolder, sweepWork } from '../server/providers/vm-host/image/work-folder.ts';
import { readSet } from '../server/providers/vm-host/set-store.ts';
import { DEFAULT_VM_HOST_SETTINGS } from '../server/providers/vm-host/settings.ts';
import type { World } from '../server/world.ts';
import { type SnapshotOptions, tagFor } from './snapshot-options.ts';

/** What a run needs besides its options. */
export interface RunSettings {
  readonly world: World;
  readonly imagesDir: string;
  readonly catalogue: Catalogue;
  readonly exchange: ExchangeSettings;
  readonly accel: QemuSettings['accel'];
  /** Told of each step when it begins, and what came of it. */
  readonly say: (line: string) => void;
  /** Ends the run: what it has started is ended too. */
  readonly signal?: AbortSignal;
}

/** One named step of a run. */
export interface PlannedStep {
  readonly name: string;
  readonly work: (run: Run) => Promise<string>;
}

/** A step that failed: its name, how long it took, and why. */
export class StepFailed extends Error {}

/** What is known so far. */
interface Run {
  readonly settings: RunSettings;
  readonly images: Map<string, Image>;
  readonly captured: Map<string, Captured>;
  readonly folder: string;
}

/** All steps in their order: each image after its parent, all sent when all are there. */
export function planSteps(options: SnapshotOptions, catalogue: Catalogue): PlannedStep[] {
  if (options.disk !== undefined) return planDisk(options.disk, options, catalogue);
  const names = orderOf(options, catalogue);
  const builds = names.map((name) => ({
    name: `build ${name}`,
    work: (run: Run) => build(run, name),
  }));
  const captures = names.map((name) => ({
    name: `capture ${name}`,
    work: (run: Run) => capture(run, name),
  }));
  const sends = names.map((name) => planSend(name, tagFor(options.tag, name), options));
  return [...builds, ...(options.buildSnapshots ? captures : []), ...sends];
}

/** A disk is the only image of its run, and has the tag for itself. */
function planDisk(order: DiskOrder, options: SnapshotOptions, catalogue: Catalogue): PlannedStep[] {
  const { name, path } = order;
  if (catalogue.entries().some((entry) => entry.name === name)) {
    throw new StepFailed(`${name} is an image of the catalogue; give the disk another --name`);
  }
  return [
    { name: `import ${name} from ${path}`, work: (run: Run) => takeDisk(run, order) },
    planSend(name, options.tag, options),
  ];
}

function planSend(name: string, tag: string, { push: isSent, registry }: SnapshotOptions) {
  if (!isSent) return { name: `pack ${name}`, work: (run: Run) => pack(run, name) };
  const address = `${registry ?? ''}:${tag}`;
  return { name: `push ${name} as ${address}`, work: (run: Run) => push(run, name, address) };
}

/**
 * Does the steps one after the other; the first that fails ends it. What an earlier run has left
 * that was killed is swept first.
 */
export async function runSteps(
  steps: readonly PlannedStep[],
  settings: RunSettings,
): Promise<void> {
  const { world, imagesDir } = settings;
  await sweepWork(world, imagesDir);
  await inWorkFolder(world, imagesDir, async ({ state: folder }) => {
    const run: Run = { settings, folder, images: new Map(), captured: new Map() };
    for (const [index, step] of steps.entries()) {
      settings.say(`[${index + 1}/${steps.length}] ${step.name}`);
      await runStep(run, step);
    }
  });
}

async function runStep(run: Run, { name, work }: PlannedStep): Promise<void> {
  const { world, say, signal } = run.settings;
  const started = world.elapsed();
  const seconds = () => `${((world.elapsed() - started) / 1_000).toFixed(1)} s`;
  try {
    signal?.throwIfAborted();
    say(`    ${await asProviderError(work(run))} (${seconds()})`);
  } catch (error) {
    const why = error instanceof ProviderError ? error.reason : String(error);
    throw new StepFailed(`step "${name}" failed after ${seconds()}: ${why}`, { cause: error });
  }
}

function orderOf({ variants }: SnapshotOptions, catalogue: Catalogue): string[] {
  const entries = catalogue.entries();
  const wanted = variants ?? entries.map(({ name }) => name);
  const ordered: string[] = [];
  const need = (name: string): void => {
    const found = entries.find((entry) => entry.name === name);
    if (found === undefined) {
      const names = entries.map((entry) => entry.name).join(', ');
      throw new StepFailed(`there is no image ${name} in the catalogue: it has ${names}`);
    }
    if (found.recipe.parent !== null) need(found.recipe.parent);
    if (!ordered.includes(name)) ordered.push(name);
  };
  for (const name of [BASE_IMAGE, ...wanted]) need(name);
  return ordered;
}

async function takeDisk({ settings, images }: Run, order: DiskOrder): Promise<string> {
  const { world, imagesDir, exchange } = settings;
  const probe = qemuDiskProbe(world, DEFAULT_QEMU_SETTINGS.binary);
  const shop = { world, imagesDir, limitBytes: exchange.diskSizeBytes, probe };
  const image = await importDisk(shop, order, stepOf(settings).signal);
  images.set(order.name, image);
  return [imageRef(image), ...image.contents, image.digest].join(', ');
}

async function build(run: Run, name: string): Promise<string> {
  const { world, imagesDir, catalogue, signal } = run.settings;
  const recipe = catalogue.entries().find((entry) => entry.name === name)?.recipe;
  const isPlain = recipe === undefined || (name === BASE_IMAGE && isEmpty(recipe));
  const image = isPlain
    ? await buildBase(world, imagesDir, signal)
    : await buildNext(run, name, recipe);
  run.images.set(name, image);
  return `${imageRef(image)} ${image.digest}, ${image.sizeBytes} bytes`;
}

/** A build that comes to the same as the newest version adds no version. */
async function buildNext(run: Run, name: string, recipe: ImageRecipe): Promise<Image> {
  const { world, imagesDir, accel, say } = run.settings;
  const newest = findImage(imagesDir, name);
  const imageVersion = (newest?.imageVersion ?? 0) + 1;
  const parent = recipe.parent === null ? null : imageNamed(run, recipe.parent);
  const settings = { ...DEFAULT_VM_HOST_SETTINGS, ...DEFAULT_QEMU_SETTINGS, accel };
  const hypervisor = () => findHypervisor({ world, stateDir: run.folder, settings, log: say });
  const shop = { world, imagesDir, settings, hypervisor, log: say };
  const step = stepOf(run.settings, (phase) => say(`    ${phase}`));
  const built = await buildVersion(shop, { name, imageVersion, parent, recipe }, step);
  if (newest?.digest !== built.digest) return built;
  await removeFolder(world, imagesDir, imageRef(built));
  return newest;
}

async function capture(run: Run, name: string): Promise<string> {
  const { world, imagesDir, accel, say } = run.settings;
  const image = imageNamed(run, name);
  // Sockets are in it: the shortest name of its own.
  const stateDir = join(run.folder, String(run.captured.size + 1));
  const given = { world, stateDir, imageDir: imagesDir, log: say };
  const provider = await createQemuProvider({ ...given, settings: { accel } });
  try {
    const ref = setRefFor(image);
    await provider.ensureSet({ kind: 'IMAGE' }, ref, 'OFFLINE', stepOf(run.settings));
    const folders = makeFolders(stateDir, undefined);
    const snapshots = readSet(folders, ref.id)?.snapshots ?? [];
    run.captured.set(name, { folder: setFolder(folders, ref.id), snapshots });
    return snapshots.map(({ machine }) => machine).join('; ');
  } finally {
    await provider.close();
  }
}

function setRefFor(image: Image): SetRef {
  const spec = { cpuCores: 1, memoryMiB: 128, diskGiB: null, image: imageRef(image) };
  return {
    id: '1',
    poolId: '',
    poolName: image.name,
    number: 1,
    cluster: null,
    readiness: 'PROBE',
    snapshots: [{ role: 'STANDALONE', name: image.name }],
    roles: [{ ...spec, role: 'STANDALONE' }],
  };
}

async function pack(run: Run, name: string): Promise<string> {
  const exchange = exchangeOf(run);
  const image = imageNamed(run, name);
  const packed = await exchange.pack(image, stepOf(run.settings), run.captured.get(name));
  return `${packed.digest}, ${packed.compressedBytes} bytes compressed`;
}

async function push(run: Run, name: string, address: string): Promise<string> {
  const task = stepOf(run.settings);
  const captured = run.captured.get(name);
  const sent = await exchangeOf(run).publish(imageNamed(run, name), address, task, captured);
  return `${sent.reference}@${sent.digest}, ${sent.compressedBytes} bytes compressed`;
}

function exchangeOf({ settings }: Run): Exchange {
  return new Exchange(settings.world, settings.imagesDir, settings.exchange);
}

function imageNamed({ images }: Run, name: string): Image {
  const image = images.get(name);
  if (image === undefined) throw new Error(`${name} was not built`);
  return image;
}

function isEmpty({ packages, files, steps }: ImageRecipe): boolean {
  return packages.length + Object.keys(files).length + steps.length === 0;
}

function stepOf(
  { signal = new AbortController().signal }: RunSettings,
  progress: (name: string) => void = () => undefined,
): Step {
  return {
    signal,
    deadline: Number.MAX_SAFE_INTEGER,
    fence: 1,
    installation: 'build-snapshots',
    progress,
    notes: new Map(),
    note: () => Promise.resolve(),
  };
}
