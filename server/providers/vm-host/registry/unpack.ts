import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { syncPath } from '../sync-path.ts';
import { refuseIfGivenUp } from '../within.ts';
import {
  type BundleFile,
  type BundleLimits,
  type BundleManifest,
  type Chunk,
  type FileChunks,
  chunksByFile,
  compressedBytes,
  damaged,
  refuseOtherArchitecture,
  refuseTooLarge,
} from './bundle.ts';
import { FileDigest, digestOf, isZero } from './digest.ts';
import { type OpenBundle, openBundle, publishFolder, readBlob } from './layout.ts';
import type { PackTask } from './pack.ts';

const decompress = promisify(zstdDecompress);
/** Zeros of this length, at a multiple of it, are not written: a page of memory. */
const PAGE = 4_096;

/** What a bundle must be to be taken. */
export interface UnpackLimits extends BundleLimits {
  /** The architecture of guests on this machine, as OCI names it. */
  readonly architecture: string;
}

/** What was in a bundle. */
export interface UnpackedBundle {
  readonly digest: string;
  readonly architecture: string;
  readonly manifest: BundleManifest;
  readonly files: readonly BundleFile[];
  readonly rawBytes: number;
  readonly compressedBytes: number;
}

/**
 * Writes the files of a bundle into a folder, which appears whole or not at all. Every hash on
 * the way is compared, nothing is written past what is declared, and zeros stay holes.
 */
export async function unpackBundle(
  layout: string,
  digest: string,
  into: string,
  limits: UnpackLimits,
  task: PackTask,
): Promise<UnpackedBundle> {
  const bundle = await openBundle(layout, digest);
  const rawBytes = refuseUnfit(bundle, limits);
  const contents = chunksByFile(bundle.config, bundle.index);
  await publishFolder(into, async (draft) => {
    for (const content of contents) await unpackFile(layout, content, draft, task);
    await syncPath(draft);
  });
  const { architecture, manifest, files } = bundle.config;
  const size = compressedBytes(bundle.index);
  return { digest, architecture, manifest, files, rawBytes, compressedBytes: size };
}

/** The file of a bundle that has this digest; undefined when none has. */
export function findFile(bundle: OpenBundle, digest: string): BundleFile | undefined {
  return bundle.config.files.find((file) => file.digest === digest);
}

/** Stops at a bundle that is not for this machine or too large; answers the bytes of its files. */
export function refuseUnfit(
  { config, index }: Pick<OpenBundle, 'config' | 'index'>,
  limits: UnpackLimits,
): number {
  const rawBytes = config.files.reduce((sum, { size }) => sum + size, 0);
  refuseOtherArchitecture(config, limits.architecture);
  refuseTooLarge('over the wire', compressedBytes(index), limits.compressedBytes);
  refuseTooLarge('unpacked', rawBytes, limits.rawBytes);
  return rawBytes;
}

async function unpackFile(
  layout: string,
  { file, chunks }: FileChunks,
  draft: string,
  task: PackTask,
): Promise<void> {
  const out = await open(join(draft, file.name), 'wx', 0o600);
  const digest = new FileDigest(task.world);
  try {
    await out.truncate(file.size);
    for (const { chunk, offset } of chunks) {
      refuseIfGivenUp(task.signal, 'Unpacking the image');
      const raw = await readChunk(layout, chunk);
      await digest.skipTo(offset);
      await digest.add(raw);
      await writeSparse(out, raw, offset);
    }
    await digest.skipTo(file.size);
    await out.sync();
  } finally {
    await out.close();
  }
  if (digest.finish() !== file.digest) throw damaged(`${file.name} has other content`);
}

/** The content of a chunk. More than it declares is never held: it ends the reading. */
async function readChunk(layout: string, chunk: Chunk): Promise<Buffer<ArrayBuffer>> {
  const packed = await readBlob(layout, chunk.digest, chunk.size);
  const raw = await decompress(packed, { maxOutputLength: chunk.rawSize }).catch(
    (error: unknown) => {
      throw damaged(`its chunk ${chunk.digest} cannot be unpacked as declared`, error);
    },
  );
  const isRight = raw.length === chunk.rawSize && (await digestOf(raw)) === chunk.rawDigest;
  if (!isRight) throw damaged(`its chunk ${chunk.digest} holds something else than declared`);
  return raw;
}

/** Writes what is not zero; the rest stays a hole. */
async function writeSparse(out: FileHandle, raw: Buffer, offset: number): Promise<void> {
  let from = 0;
  while (from < raw.length) {
    const isHole = isZero(raw.subarray(from, from + PAGE));
    let to = from + PAGE;
    while (to < raw.length && isZero(raw.subarray(to, to + PAGE)) === isHole) to += PAGE;
    to = Math.min(to, raw.length);
    if (!isHole) await writeAll(out, raw.subarray(from, to), offset + from);
    from = to;
  }
}

async function writeAll(out: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await out.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
