import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { type World, nextTurn } from '../../../world.ts';
import { refuseIfGivenUp } from '../within.ts';
import {
  ANNOTATION,
  type BundleFile,
  type BundleManifest,
  CHUNK_BYTES,
  CHUNK_TYPE,
  CONFIG_TYPE,
  type Chunk,
  MANIFEST_TYPE,
  type Place,
  compressedBytes,
  printPlaces,
  stableJson,
} from './bundle.ts';
import { FileDigest, digestOf, digestOfText, isZero } from './digest.ts';
import { blobPath, makeLayout, publishFolder, writeLayoutIndex } from './layout.ts';

const compress = promisify(zstdCompress);
// One thread and one level: the same bytes must come out wherever a bundle is packed.
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

/** What is to be packed. */
export interface BundleContent {
  /** As OCI names it: `amd64`. */
  readonly architecture: string;
  /** What the owner wants to find again; part of the digest, so no times belong in it. */
  readonly manifest: BundleManifest;
  /** The files, under plain names. They must not change meanwhile. */
  readonly files: readonly { readonly name: string; readonly path: string }[];
  /** Raw bytes in a chunk, {@link CHUNK_BYTES} at most and if left out; part of the digest. */
  readonly chunkBytes?: number | undefined;
}

/** What packing came to: the digest, and what compression and sharing have saved. */
export interface PackedBundle {
  readonly digest: string;
  readonly files: readonly BundleFile[];
  /** All files, holes included. */
  readonly rawBytes: number;
  /** Without holes and zeros. */
  readonly dataBytes: number;
  /** What goes over the wire. */
  readonly compressedBytes: number;
  readonly chunks: number;
}

/** What packing and unpacking need of those who ask for it. */
export interface PackTask {
  readonly world: Pick<World, 'soon'>;
  readonly signal: AbortSignal;
}

/**
 * Writes a bundle as a layout of OCI. The folder appears whole, in the place of one that was there.
 * Equal content has the equal digest, whatever the names of the folders and the time of day.
 */
export function packBundle(
  content: BundleContent,
  layout: string,
  task: PackTask,
): Promise<PackedBundle> {
  return publishFolder(layout, async (draft) => {
    await makeLayout(draft);
    const chunks = new Map<string, DraftChunk>();
    const files: BundleFile[] = [];
    for (const { name, path } of content.files.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const buffer = Buffer.alloc(content.chunkBytes ?? CHUNK_BYTES);
      files.push(await packFile(draft, name, { path, buffer }, chunks, task));
    }
    return describe(draft, content, files, [...chunks.values()]);
  });
}

interface DraftChunk extends Chunk {
  readonly places: Place[];
}

async function packFile(
  draft: string,
  name: string,
  { path, buffer }: { readonly path: string; readonly buffer: Buffer<ArrayBuffer> },
  chunks: Map<string, DraftChunk>,
  task: PackTask,
): Promise<BundleFile> {
  const file = await open(path);
  const digest = new FileDigest(task.world);
  let offset = 0;
  try {
    for (;;) {
      refuseIfGivenUp(task.signal, 'Packing the image');
      const length = await fillFrom(file, buffer, offset);
      const raw = buffer.subarray(0, length);
      await digest.add(raw);
      if (!isZero(raw)) await packChunk(draft, raw, { name, offset }, chunks);
      offset += length;
      if (length < buffer.length) return { name, size: offset, digest: digest.finish() };
      await nextTurn(task.world);
    }
  } finally {
    await file.close();
  }
}

/** Reads as much as fits: less only at the end of the file. */
async function fillFrom(file: FileHandle, buffer: Buffer, from: number): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, from + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

async function packChunk(
  draft: string,
  raw: Buffer<ArrayBuffer>,
  place: Place,
  chunks: Map<string, DraftChunk>,
): Promise<void> {
  const rawDigest = await digestOf(raw);
  const known = chunks.get(rawDigest);
  if (known !== undefined) {
    known.places.push(place);
    return;
  }
  const packed = await compress(raw, ZSTD);
  const digest = await digestOf(packed);
  await writeFile(blobPath(draft, digest), packed, { mode: 0o600 });
  const sizes = { size: packed.length, rawSize: raw.length };
  chunks.set(rawDigest, { digest, rawDigest, ...sizes, places: [place] });
}

async function describe(
  draft: string,
  { architecture, manifest }: BundleContent,
  files: readonly BundleFile[],
  chunks: readonly Chunk[],
): Promise<PackedBundle> {
  const config = { format: 1, architecture, os: 'linux', files, manifest };
  const written = await writeBlob(draft, stableJson(config));
  const index = await writeBlob(
    draft,
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: { mediaType: CONFIG_TYPE, ...written },
      layers: chunks.map(layerOf),
    }),
  );
  await writeLayoutIndex(draft, index.digest, index.size);
  return {
    digest: index.digest,
    files,
    rawBytes: files.reduce((sum, { size }) => sum + size, 0),
    dataBytes: chunks.reduce((sum, { rawSize, places }) => sum + rawSize * places.length, 0),
    compressedBytes: compressedBytes({ config: written, chunks }),
    chunks: chunks.length,
  };
}

function layerOf({ digest, size, rawDigest, rawSize, places }: Chunk): object {
  const annotations = {
    [ANNOTATION.rawSize]: String(rawSize),
    [ANNOTATION.rawDigest]: rawDigest,
    [ANNOTATION.places]: printPlaces(places),
  };
  return { mediaType: CHUNK_TYPE, digest, size, annotations };
}

async function writeBlob(draft: string, text: string): Promise<{ digest: string; size: number }> {
  const digest = digestOfText(text);
  await writeFile(blobPath(draft, digest), text, { mode: 0o600 });
  return { digest, size: Buffer.byteLength(text) };
}
