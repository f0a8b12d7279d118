import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import {
  type RegistryReference,
  printReference,
} from '../../../../schema/model/registry-reference.ts';
import type { World } from '../../../world.ts';
import { ProviderError } from '../../provider.ts';
import {
  BadContent,
  type BundleIndex,
  MANIFEST_BYTES,
  compressedBytes,
  jsonOf,
  notOurs,
  readBundleConfig,
  readIndex,
  refuseTooLarge,
} from './bundle.ts';
import { digestOfText } from './digest.ts';
import { blobFolder, digestOfLayout, hasBlob, makeLayout, ofDisk, openBundle } from './layout.ts';
import { type AllowedPlaces, refuseUnlisted } from './reference.ts';
import { type SkopeoRun, runSkopeo } from './skopeo.ts';
import { type UnpackLimits, refuseUnfit } from './unpack.ts';

/** What the settings say of registries. */
export interface RegistrySettings extends AllowedPlaces {
  /** SNAPYARD_REGISTRY_AUTH: a file as container tools write it; without one nobody logs in. */
  readonly authFile: string | undefined;
  /** The program; `skopeo` where nothing is said. */
  readonly binary?: string | undefined;
}

/** A registry as the rest of the server knows it. Failures are `ProviderError`s. */
export interface Registry {
  /** Sends the one bundle of a layout. What is there already is not sent again. */
  push(layout: string, to: RegistryReference, task: TransferTask): Promise<Pushed>;
  /**
   * Fetches a bundle into a layout, which stays: a pull that was cut off goes on with the blobs
   * that are there, after a crash too. Two pulls at once into one layout are the caller's to avoid.
   */
  pull(
    from: RegistryReference,
    into: string,
    limits: UnpackLimits,
    task: TransferTask,
  ): Promise<Pulled>;
  /** The digest of what is behind an address now. */
  digestOf(from: RegistryReference, task: TransferTask): Promise<string>;
  /** The tags of a repository, in order. */
  tags(of: RegistryReference, task: TransferTask): Promise<string[]>;
}

/** What a transfer needs of those who ask for it. */
export interface TransferTask {
  readonly signal: AbortSignal;
  /** How long each step may take: one question, or the copying. */
  readonly ms: number;
  /** Bytes that are here, of how many; about once a second. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/** What was sent. */
export interface Pushed {
  /** The address, with its tag. */
  readonly reference: string;
  readonly digest: string;
  readonly compressedBytes: number;
}

/** What was fetched: unpack it by its digest. */
export interface Pulled {
  readonly reference: string;
  readonly digest: string;
  readonly layout: string;
  readonly compressedBytes: number;
}

/** How often a running transfer is looked at. */
const WATCH_MS = 500;
/** What skopeo may have on the disk beyond what was declared: manifests, and blobs in flight. */
const SLACK = 2 * MANIFEST_BYTES;
/** How skopeo names a blob that has not come whole. */
const IN_FLIGHT = /^oci-put-blob/;
const LOOPBACK = /^(localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3})(:\d+)?$/;
const MOST_TAGS_TEXT = 2 ** 20;

const tagList = z.looseObject({ Tags: z.array(z.string()) });

/** Registries by skopeo. */
export function openRegistry(
  settings: RegistrySettings,
  world: Pick<World, 'after' | 'sleep'>,
): Registry {
  return new SkopeoRegistry(settings, world);
}

class SkopeoRegistry implements Registry {
  readonly #settings: RegistrySettings;
  readonly #world: Pick<World, 'after' | 'sleep'>;

  constructor(settings: RegistrySettings, world: Pick<World, 'after' | 'sleep'>) {
    this.#settings = settings;
    this.#world = world;
  }

  async push(layout: string, to: RegistryReference, task: TransferTask): Promise<Pushed> {
    refuseUnlisted(to, this.#settings);
    if (to.tag === null) {
      throw new ProviderError('What is published needs a tag', { retryable: false });
    }
    const digest = await digestOfLayout(layout);
    const bundle = await openBundle(layout, digest);
    const copy = ['copy', '--quiet', '--preserve-digests', ...this.#access('dest-', to.host)];
    const address = addressOf({ ...to, digest: null });
    await this.#run(`Sending ${printReference(to)}`, [...copy, 'oci:.', address], task, {
      cwd: layout,
    });
    const reference = printReference({ ...to, digest: null });
    return { reference, digest, compressedBytes: compressedBytes(bundle.index) };
  }

  async pull(
    from: RegistryReference,
    into: string,
    limits: UnpackLimits,
    task: TransferTask,
  ): Promise<Pulled> {
    refuseUnlisted(from, this.#settings);
    if (from.tag === null && from.digest === null) {
      throw new ProviderError('What is fetched needs a tag or a digest', { retryable: false });
    }
    const found = await this.#describe(from, limits, task);
    try {
      await prepareLayout(into, found.index);
      await this.#fetch({ ...from, digest: found.digest }, into, found.index, task);
      await openBundle(into, found.digest);
    } catch (error) {
      if (error instanceof BadContent) await rm(into, { recursive: true, force: true });
      throw ofDisk(error, into);
    }
    const size = compressedBytes(found.index);
    const reference = printReference({ ...from, digest: found.digest });
    return { reference, digest: found.digest, layout: into, compressedBytes: size };
  }

  async digestOf(from: RegistryReference, task: TransferTask): Promise<string> {
    refuseUnlisted(from, this.#settings);
    return digestOfText(await this.#inspect(from, task));
  }

  async tags(of: RegistryReference, task: TransferTask): Promise<string[]> {
    refuseUnlisted(of, this.#settings);
    const address = addressOf({ ...of, tag: null, digest: null });
    const what = `Listing the tags of ${of.host}/${of.repository}`;
    const args = ['list-tags', ...this.#access('', of.host), address];
    const answer = await this.#run(what, args, task, { maxOutput: MOST_TAGS_TEXT });
    const read = tagList.safeParse(jsonOf(answer.toString()));
    if (read.success) return read.data.Tags.toSorted();
    throw new ProviderError(`${what}: the answer is not understood`, { retryable: false });
  }

  /** What is behind an address, judged before any chunk of it is fetched. */
  async #describe(
    from: RegistryReference,
    limits: UnpackLimits,
    task: TransferTask,
  ): Promise<{ digest: string; index: BundleIndex }> {
    const text = await this.#inspect(from, task);
    const digest = digestOfText(text);
    if (from.digest !== null && digest !== from.digest) throw otherDigest(from, digest);
    const index = readIndex(text.toString());
    refuseTooLarge('over the wire', compressedBytes(index), limits.compressedBytes);
    const config = await this.#inspect({ ...from, digest }, task, '--config');
    if (digestOfText(config) !== index.config.digest) throw notOurs('its description was changed');
    refuseUnfit({ config: readBundleConfig(config.toString()), index }, limits);
    return { digest, index };
  }

  /** What is behind an address, as it is: its manifest, or its config. */
  #inspect(from: RegistryReference, task: TransferTask, ...more: string[]): Promise<Buffer> {
    const args = ['inspect', '--raw', ...more, ...this.#access('', from.host), addressOf(from)];
    return this.#run(`Looking at ${printReference(from)}`, args, task);
  }

  async #fetch(
    from: RegistryReference,
    into: string,
    index: BundleIndex,
    task: TransferTask,
  ): Promise<void> {
    const what = `Fetching ${printReference(from)}`;
    const total = compressedBytes(index);
    const copy = ['copy', '--quiet', '--preserve-digests', ...this.#access('src-', from.host)];
    const over = new AbortController();
    const tooMuch = new AbortController();
    const watch = this.#watch(into, total, over.signal, (size) => {
      task.progress?.(Math.min(size, total), total);
      if (size > total + SLACK) tooMuch.abort(moreThanDeclared(what, total));
    });
    try {
      const signal = AbortSignal.any([task.signal, tooMuch.signal]);
      const args = [...copy, addressOf(from), 'oci:.'];
      await this.#run(what, args, { ...task, signal }, { cwd: into });
    } finally {
      over.abort();
      await watch;
    }
  }

  /** Looks at the size of a layout now and then, until it is over. */
  async #watch(
    layout: string,
    total: number,
    over: AbortSignal,
    onSize: (size: number) => void,
  ): Promise<void> {
    while (!over.aborted) {
      onSize(await sizeOf(layout));
      await this.#world.sleep(WATCH_MS, over).catch(() => undefined);
    }
    onSize(Math.min(await sizeOf(layout), total));
  }

  #run(
    what: string,
    args: readonly string[],
    task: TransferTask,
    more: Partial<Pick<SkopeoRun, 'cwd' | 'maxOutput'>> = {},
  ): Promise<Buffer> {
    const { signal, ms } = task;
    const binary = this.#settings.binary ?? 'skopeo';
    const run = { binary, args, what, ms, signal, maxOutput: MANIFEST_BYTES, ...more };
    return runSkopeo(this.#world, run);
  }

  /** Credentials only those of the settings; TLS is left out only on this machine. */
  #access(prefix: '' | 'src-' | 'dest-', host: string): string[] {
    const { authFile } = this.#settings;
    const login =
      authFile === undefined
        ? [`--${prefix}no-creds`]
        : [`--${prefix === '' ? '' : prefix}authfile`, resolve(authFile)];
    return [...login, `--${prefix}tls-verify=${LOOPBACK.test(host) ? 'false' : 'true'}`];
  }
}

/** The address as skopeo wants it: of tag and digest, only what says more. */
function addressOf(reference: RegistryReference): string {
  const tag = reference.digest === null ? reference.tag : null;
  return `docker://${printReference({ ...reference, tag })}`;
}

/** Makes a layout ready to take these blobs: what is whole stays, everything else goes. */
async function prepareLayout(layout: string, index: BundleIndex): Promise<void> {
  await rm(join(layout, 'index.json'), { force: true });
  await makeLayout(layout);
  for (const name of await readdir(layout)) {
    if (IN_FLIGHT.test(name)) await rm(join(layout, name));
  }
  const blobs = [index.config, ...index.chunks];
  const wanted = new Map(blobs.map(({ digest, size }) => [digest, size]));
  let missing = compressedBytes(index);
  for (const name of await readdir(blobFolder(layout))) {
    const size = wanted.get(`sha256:${name}`);
    const isWhole = size !== undefined && (await hasBlob(layout, `sha256:${name}`, size));
    if (isWhole) missing -= size;
    else await rm(join(blobFolder(layout), name), { recursive: true });
  }
  await refuseWithoutSpace(layout, missing);
}

async function refuseWithoutSpace(layout: string, missing: number): Promise<void> {
  const { bavail, bsize } = await statfs(layout);
  const free = bavail * bsize;
  if (free >= missing) return;
  const reason = `The disk of ${layout} has ${free} bytes free, and ${missing} are needed`;
  throw new ProviderError(reason, { retryable: true });
}

/** The bytes in a layout, with those that are still coming. */
async function sizeOf(layout: string): Promise<number> {
  const names = await readdir(layout, { recursive: true }).catch(() => []);
  const sizes = names.map((name) => stat(join(layout, name)).catch(() => null));
  const files = (await Promise.all(sizes)).filter((found) => found?.isFile() === true);
  return files.reduce((sum, file) => sum + (file?.size ?? 0), 0);
}

function otherDigest(from: RegistryReference, digest: string): BadContent {
  return new BadContent(`${printReference(from)}: the registry sent ${digest}, which was refused`);
}

function moreThanDeclared(what: string, total: number): BadContent {
  return new BadContent(`${what}: the registry sends more than the ${total} bytes it declared`);
}
