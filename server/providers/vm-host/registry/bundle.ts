import { z } from 'zod';
import { DIGEST } from '../../../../schema/model/registry-reference.ts';
import { ProviderError } from '../../provider.ts';

/**
 * A bundle is what travels: named files, sparse ones too, and a manifest of ours. On the way it is
 * an OCI artifact. Each distinct chunk of the files is one layer, compressed by zstd; chunks of
 * nothing but zeros are left out. Layers have media types of ours, for they are no tar archives,
 * and annotations say which places of which files they fill.
 */
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
/** The media type of what describes a bundle. */
export const CONFIG_TYPE = 'application/vnd.snapyard.bundle.config.v1+json';
/** The media type of a chunk. */
export const CHUNK_TYPE = 'application/vnd.snapyard.bundle.chunk.v1+zstd';
/** Raw bytes in a chunk: what an interrupted transfer has to repeat at most. */
export const CHUNK_BYTES = 16 * 2 ** 20;
/** No manifest and no config is larger; skopeo has the same limit. */
export const MANIFEST_BYTES = 4 * 2 ** 20;

/** The annotations of a chunk. */
export const ANNOTATION = {
  rawSize: 'io.snapyard.chunk.size',
  rawDigest: 'io.snapyard.chunk.digest',
  places: 'io.snapyard.chunk.places',
} as const;

/** A file of a bundle: a plain name, so that it can lie in no other folder. */
const FILE_NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const MOST_FILES = 256;
const MOST_CHUNKS = 16_384;

const digest = z.string().regex(DIGEST);
const bytes = z.int().min(0);

const bundleFile = z.strictObject({ name: z.string().regex(FILE_NAME), size: bytes, digest });

const bundleConfig = z.strictObject({
  format: z.literal(1),
  architecture: z.string().regex(/^[a-z0-9]{1,20}$/),
  os: z.literal('linux'),
  files: z.array(bundleFile).max(MOST_FILES),
  manifest: z.record(z.string(), z.json()),
});

const ociLayer = z.looseObject({
  mediaType: z.literal(CHUNK_TYPE),
  digest,
  size: bytes.max(CHUNK_BYTES + 2 ** 20),
  annotations: z.looseObject({
    [ANNOTATION.rawSize]: z.string().regex(/^\d{1,9}$/),
    [ANNOTATION.rawDigest]: digest,
    [ANNOTATION.places]: z.string().min(3),
  }),
});

const ociManifest = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: z.literal(MANIFEST_TYPE).optional(),
  config: z.looseObject({
    mediaType: z.literal(CONFIG_TYPE),
    digest,
    size: bytes.max(MANIFEST_BYTES),
  }),
  layers: z.array(ociLayer).max(MOST_CHUNKS),
});

/** One file, whole. */
export type BundleFile = z.infer<typeof bundleFile>;

/** What a bundle says of itself: the config of the artifact. */
export type BundleConfig = z.infer<typeof bundleConfig>;

/** A JSON object whose content is its owner's. */
export type BundleManifest = BundleConfig['manifest'];

/** One blob, and where its content belongs. */
export interface Chunk {
  readonly digest: string;
  readonly size: number;
  readonly rawDigest: string;
  readonly rawSize: number;
  readonly places: readonly Place[];
}

/** A place in a file of the bundle. */
export interface Place {
  readonly name: string;
  readonly offset: number;
}

/** A manifest of OCI that describes a bundle. */
export interface BundleIndex {
  readonly config: { readonly digest: string; readonly size: number };
  readonly chunks: readonly Chunk[];
}

/** How large a bundle may be that comes from outside. */
export interface BundleLimits {
  /** Bytes over the wire: all chunks, compressed, and what describes them. */
  readonly compressedBytes: number;
  /** Bytes of all files, holes included. */
  readonly rawBytes: number;
}

/** Bytes over the wire. */
export function compressedBytes(index: BundleIndex): number {
  return index.chunks.reduce((sum, chunk) => sum + chunk.size, index.config.size);
}

/** Reads a manifest of OCI; refuses everything that is no bundle of ours. */
export function readIndex(text: string): BundleIndex {
  const { config, layers } = parsed(ociManifest, text, 'manifest');
  const chunks = layers.map(({ digest, size, annotations }) => {
    const rawSize = Number(annotations[ANNOTATION.rawSize]);
    if (rawSize === 0 || rawSize > CHUNK_BYTES) throw notOurs('a chunk is empty or too large');
    const rawDigest = annotations[ANNOTATION.rawDigest];
    return { digest, size, rawSize, rawDigest, places: readPlaces(annotations[ANNOTATION.places]) };
  });
  if (new Set(chunks.map((chunk) => chunk.digest)).size < chunks.length) {
    throw notOurs('a chunk is listed twice');
  }
  return { config: { digest: config.digest, size: config.size }, chunks };
}

/** Reads what a bundle says of itself. */
export function readBundleConfig(text: string): BundleConfig {
  const config = parsed(bundleConfig, text, 'description');
  if (new Set(config.files.map(({ name }) => name)).size < config.files.length) {
    throw notOurs('a file is listed twice');
  }
  return config;
}

/** Stops at a bundle for machines of another kind: its guests cannot run here. */
export function refuseOtherArchitecture(config: BundleConfig, architecture: string): void {
  if (config.architecture === architecture) return;
  const reason = `The image is for ${config.architecture}, and this machine runs ${architecture}`;
  throw new ProviderError(reason, { retryable: false });
}

/** Stops at a bundle that is larger than this server takes. */
export function refuseTooLarge(what: string, size: number, limit: number): void {
  if (size <= limit) return;
  const reason =
    `The image has ${size} bytes ${what}, and the limit is ${limit} ` +
    '(SNAPYARD_PULL_LIMIT, DISK_SIZE)';
  throw new ProviderError(reason, { retryable: false });
}

/** The chunks of each file in their order; refuses chunks outside of a file or over another. */
export function chunksByFile(config: BundleConfig, index: BundleIndex): FileChunks[] {
  const all = new Map<string, Collected>();
  for (const file of config.files) all.set(file.name, { file, chunks: [] });
  for (const chunk of index.chunks) {
    for (const { name, offset } of chunk.places) {
      const into = all.get(name);
      if (into === undefined) throw notOurs(`a chunk belongs to "${name}", which is no file of it`);
      into.chunks.push({ chunk, offset });
    }
  }
  return [...all.values()].map(({ file, chunks }) => ({ file, chunks: inOrder(file, chunks) }));
}

/** A file with what is in it; between the chunks are zeros. */
export interface FileChunks {
  readonly file: BundleFile;
  readonly chunks: readonly PlacedChunk[];
}

/** A chunk in its place of one file. */
export interface PlacedChunk {
  readonly chunk: Chunk;
  readonly offset: number;
}

interface Collected {
  readonly file: BundleFile;
  readonly chunks: PlacedChunk[];
}

function inOrder(file: BundleFile, chunks: readonly PlacedChunk[]): PlacedChunk[] {
  const sorted = chunks.toSorted((a, b) => a.offset - b.offset);
  let end = 0;
  for (const { chunk, offset } of sorted) {
    if (offset < end) throw notOurs(`two chunks of ${file.name} overlap`);
    end = offset + chunk.rawSize;
  }
  if (end > file.size) throw notOurs(`a chunk reaches beyond the end of ${file.name}`);
  return sorted;
}

/** Places as an annotation holds them: `ram.img:0,ram.img:16777216`. */
export function printPlaces(places: readonly Place[]): string {
  return places.map(({ name, offset }) => `${name}:${offset}`).join(',');
}

function readPlaces(text: string): Place[] {
  return text.split(',').map((place) => {
    const [name = '', offset = '', ...more] = place.split(':');
    if (!FILE_NAME.test(name) || !/^\d{1,15}$/.test(offset) || more.length > 0) {
      throw notOurs(`"${place.slice(0, 80)}" is no place of a file`);
    }
    return { name, offset: Number(offset) };
  });
}

/** The same JSON for the same content, whatever the order in which it was put together. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isPlainObject(inner) ? Object.fromEntries(Object.entries(inner).toSorted(byName)) : inner,
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

function parsed<T>(shape: z.ZodType<T>, text: string, what: string): T {
  const json = jsonOf(text);
  const result = shape.safeParse(json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw notOurs(`its ${what} is none of ours at ${issue?.path.join('.') || 'its top'}`);
}

/** The value of a JSON text; undefined where it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Content that is not what it should be: no other try makes it better, and none of it is kept. */
export class BadContent extends ProviderError {
  constructor(reason: string, cause?: unknown) {
    super(reason, { retryable: false, cause });
  }
}

/** What is said of content that no version of ours has made. */
export function notOurs(what: string): BadContent {
  return new BadContent(`This is not an image of ours: ${what}`);
}

/** What is said of content that was changed since it was made. */
export function damaged(how: string, cause?: unknown): BadContent {
  return new BadContent(`The image is damaged: ${how}`, cause);
}
