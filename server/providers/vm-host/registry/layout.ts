import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { DIGEST } from '../../../../schema/model/registry-reference.ts';
import { ProviderError } from '../../provider.ts';
import {
  type BundleConfig,
  type BundleIndex,
  MANIFEST_BYTES,
  MANIFEST_TYPE,
  damaged,
  jsonOf,
  readBundleConfig,
  readIndex,
} from './bundle.ts';
import { digestOf } from './digest.ts';
import { codeOf } from '../error-code.ts';

/** A bundle in a layout, with everything but its chunks read and proven. */
export interface OpenBundle {
  readonly layout: string;
  /** The digest of the manifest: what the whole bundle is known by. */
  readonly digest: string;
  readonly index: BundleIndex;
  readonly config: BundleConfig;
}

const layoutIndex = z.looseObject({
  manifests: z.tuple([z.looseObject({ digest: z.string().regex(DIGEST) })]),
});

/** Where a layout of OCI keeps its blobs. */
export function blobFolder(layout: string): string {
  return join(layout, 'blobs', 'sha256');
}

/** The file of a blob. */
export function blobPath(layout: string, digest: string): string {
  if (!DIGEST.test(digest))
    throw new ProviderError(`"${digest}" is no digest`, { retryable: false });
  return join(blobFolder(layout), digest.slice('sha256:'.length));
}

/** Makes an empty folder for a layout. */
export async function makeLayout(layout: string): Promise<void> {
  await mkdir(blobFolder(layout), { recursive: true, mode: 0o700 });
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}', { mode: 0o600 });
}

/** Says which manifest the layout is about; tools of OCI start there. */
export function writeLayoutIndex(layout: string, digest: string, size: number): Promise<void> {
  const manifests = [{ mediaType: MANIFEST_TYPE, digest, size }];
  const text = JSON.stringify({ schemaVersion: 2, manifests });
  return writeFile(join(layout, 'index.json'), text, { mode: 0o600 });
}

/** The digest of the one manifest in a layout. */
export async function digestOfLayout(layout: string): Promise<string> {
  const text = await readFile(join(layout, 'index.json'), 'utf8').catch(() => '');
  const read = layoutIndex.safeParse(jsonOf(text));
  if (read.success) return read.data.manifests[0].digest;
  throw damaged(`${layout} is not a layout with one image`);
}

/** Reads the manifest and the config of a bundle, and proves both. */
export async function openBundle(layout: string, digest: string): Promise<OpenBundle> {
  const index = readIndex((await readBlob(layout, digest)).toString());
  const config = readBundleConfig((await readBlob(layout, index.config.digest)).toString());
  return { layout, digest, index, config };
}

/** A blob of the layout, proven; with `size` it must have exactly that many bytes. */
export async function readBlob(
  layout: string,
  digest: string,
  size?: number,
): Promise<Buffer<ArrayBuffer>> {
  const path = blobPath(layout, digest);
  const found = (await statOf(path))?.size;
  if (found === undefined) throw damaged(`its blob ${digest} is not there`);
  if (found !== (size ?? found) || found > (size ?? MANIFEST_BYTES)) {
    throw damaged(`its blob ${digest} has ${found} bytes`);
  }
  const bytes = await readFile(path);
  if ((await digestOf(bytes)) !== digest) throw damaged(`its blob ${digest} has other content`);
  return bytes;
}

/** Whether a blob is there, whole. */
export async function hasBlob(layout: string, digest: string, size: number): Promise<boolean> {
  const path = blobPath(layout, digest);
  if ((await statOf(path))?.size !== size) return false;
  return (await digestOf(await readFile(path))) === digest;
}

/** Makes a folder that appears with its content or not at all. */
export async function publishFolder<T>(
  folder: string,
  fill: (draft: string) => Promise<T>,
): Promise<T> {
  const draft = `${folder}.part`;
  await rm(draft, { recursive: true, force: true });
  try {
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
    await mkdir(draft, { mode: 0o700 });
    const made = await fill(draft);
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
    return made;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw ofDisk(error, folder);
  }
}

/** What the disk says, as an error that people can act on. */
export function ofDisk(error: unknown, folder: string): unknown {
  const code = codeOf(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  const reason = `The disk of ${folder} is full`;
  return new ProviderError(reason, { retryable: true, cause: error });
}

function statOf(path: string): Promise<{ size: number } | undefined> {
  return stat(path).catch(() => undefined);
}
