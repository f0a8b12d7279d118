import { createCipheriv } from 'node:crypto';
import {
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ProviderError } from '../../../../../server/providers/provider.ts';
import type { BundleContent } from '../../../../../server/providers/vm-host/registry/pack.ts';
import type { UnpackLimits } from '../../../../../server/providers/vm-host/registry/unpack.ts';
import { realWorld } from '../../../../../server/world.ts';

export const MIB = 2 ** 20;
/** Smaller than in earnest, for the speed of tests. */
export const CHUNK = MIB / 2;
/** What is not zero in each chunk. */
export const PIECE = CHUNK / 16;
export const world = realWorld();

/** What every bundle of these tests keeps to. */
export const LIMITS: UnpackLimits = {
  architecture: 'amd64',
  compressedBytes: 256 * MIB,
  rawBytes: 1_024 * MIB,
};

/** A task that nobody gives up. */
export function task(signal: AbortSignal = new AbortController().signal) {
  return { world, signal, ms: 60_000 };
}

/** A folder that goes with the test. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'snapyard-bundle-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(seed: number, size: number): Buffer {
  const key = Buffer.alloc(16, seed);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** A sparse file: pieces at their offsets, holes between them. */
export function sparseFile(
  path: string,
  size: number,
  pieces: readonly (readonly [offset: number, bytes: Buffer])[],
): string {
  writeFileSync(path, '');
  truncateSync(path, size);
  for (const [offset, bytes] of pieces) writeAt(path, offset, bytes);
  return path;
}

/**
 * A RAM file that is mostly zeros, and a small file. Three chunks of the RAM, the third as the
 * first, and as many more as are wanted, each with something of its own.
 */
export function ramBundle(
  into: string,
  more: Partial<BundleContent> = {},
  furtherChunks = 0,
): BundleContent {
  const chunk = more.chunkBytes ?? CHUNK;
  const piece = chunk / 16;
  const further = Array.from({ length: furtherChunks }, (_, i) => {
    return [(3 + i) * chunk + 4_096, noise(10 + i, piece)] as const;
  });
  const first = [
    [piece, noise(1, piece)],
    [chunk + 4_096, noise(2, piece)],
    [2 * chunk + piece, noise(1, piece)],
  ] as const;
  const size = (3 + furtherChunks) * chunk;
  const ram = sparseFile(join(into, 'ram.img'), size, [...first, ...further]);
  const state = sparseFile(join(into, 'state'), 12_345, [[0, noise(5, 12_345)]]);
  return {
    architecture: 'amd64',
    manifest: { name: 'games', steps: ['one', 'two'] },
    files: [
      { name: 'ram.img', path: ram },
      { name: 'state.bin', path: state },
    ],
    chunkBytes: chunk,
    ...more,
  };
}

/** What a step came to, when it must not come to anything good. */
export async function failureOf(step: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await step.then(
    () => new Error('it went well'),
    (reason: unknown) => reason,
  );
  if (error instanceof ProviderError) return error;
  throw error;
}

/** The bytes that a file takes on the disk. */
export function bytesOnDisk(path: string): number {
  return statSync(path).blocks * 512;
}

function writeAt(path: string, offset: number, bytes: Buffer): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
}
