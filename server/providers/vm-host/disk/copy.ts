import { type FileHandle, constants, copyFile, open } from 'node:fs/promises';
import { type World, nextTurn } from '../../../world.ts';
import { FileDigest, isZero } from '../registry/digest.ts';
import { refuseIfGivenUp } from '../within.ts';
import { codeOf } from '../error-code.ts';

const PIECE = 2 ** 20;
/** Zeros of this length, at a multiple of it, are not written. */
const HOLE = 2 ** 16;

/** What a copy needs of those who ask for it. */
export interface CopyTask {
  readonly world: Pick<World, 'soon'>;
  readonly signal: AbortSignal;
}

/**
 * Copies an open file: by sharing its blocks where the file system can, else byte by byte with its
 * zeros left out. What was opened is copied, whatever has come to lie under its name meanwhile.
 */
export async function copyDisk(from: FileHandle, to: string, task: CopyTask): Promise<void> {
  const source = `/proc/self/fd/${from.fd}`;
  try {
    await copyFile(source, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
  } catch (error) {
    if (!isNotPossible(error)) throw error;
    await copySparse(from, to, task);
  }
  const copy = await open(to);
  try {
    // A clone takes over the mode of what it is of.
    await copy.chmod(0o600);
    await copy.sync();
  } finally {
    await copy.close();
  }
}

/** The SHA-256 of an open file, hexadecimal; lets others work in between. */
export async function hashDisk(file: FileHandle, task: CopyTask): Promise<string> {
  const digest = new FileDigest(task.world);
  for await (const { bytes } of piecesOf(file, task)) await digest.add(bytes);
  return digest.finish().slice('sha256:'.length);
}

async function copySparse(from: FileHandle, to: string, task: CopyTask): Promise<void> {
  const out = await open(to, 'w', 0o600);
  try {
    let size = 0;
    for await (const { at, bytes } of piecesOf(from, task)) {
      await writeData(out, bytes, at);
      size = at + bytes.length;
    }
    await out.truncate(size);
  } finally {
    await out.close();
  }
}

async function writeData(out: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; at += HOLE) {
    const part = bytes.subarray(at, at + HOLE);
    if (!isZero(part)) await writeAll(out, part, position + at);
  }
}

async function writeAll(out: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await out.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function* piecesOf(
  file: FileHandle,
  { world, signal }: CopyTask,
): AsyncGenerator<{ at: number; bytes: Buffer }> {
  const buffer = Buffer.alloc(PIECE);
  for (let at = 0; ;) {
    refuseIfGivenUp(signal, 'Reading the disk');
    const { bytesRead } = await file.read(buffer, 0, PIECE, at);
    if (bytesRead === 0) return;
    yield { at, bytes: buffer.subarray(0, bytesRead) };
    at += bytesRead;
    await nextTurn(world);
  }
}

function isNotPossible(error: unknown): boolean {
  const codes = ['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY'];
  return codes.includes(String(codeOf(error)));
}
