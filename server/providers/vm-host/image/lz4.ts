import { BuildError } from './build-error.ts';

/** Unpacks a stream of LZ4 blocks in the legacy framing: each block after its length. */
export function unpackLz4(blocks: Buffer, size: number): Buffer {
  const out = Buffer.alloc(size);
  let at = 0;
  let written = 0;
  while (at + 4 <= blocks.length) {
    const length = blocks.readUInt32LE(at);
    const block = blocks.subarray(at + 4, at + 4 + length);
    if (length === 0 || block.length < length) break;
    written = unpackBlock(block, out, written);
    at += 4 + length;
  }
  if (written !== size) throw new BuildError(`LZ4: ${written} bytes instead of ${size}`);
  return out;
}

function unpackBlock(block: Buffer, out: Buffer, start: number): number {
  let at = 0;
  let written = start;
  // A length that does not fit its four bits goes on in bytes, up to one that is not 255.
  const length = (nibble: number) => {
    let sum = nibble;
    for (let more = nibble === 15; more; at += 1) {
      const byte = block.readUInt8(at);
      sum += byte;
      more = byte === 255;
    }
    return sum;
  };
  while (at < block.length) {
    const token = block.readUInt8(at);
    at += 1;
    const literals = length(token >> 4);
    block.copy(out, written, at, at + literals);
    at += literals;
    written += literals;
    if (at >= block.length) break;
    const distance = block.readUInt16LE(at);
    at += 2;
    written = repeat(out, written, distance, length(token & 15) + 4);
  }
  return written;
}

/** Repeats what stands `distance` bytes back; it may overlap what is being written. */
function repeat(out: Buffer, written: number, distance: number, count: number): number {
  const end = written + count;
  if (distance >= count) {
    out.copyWithin(written, written - distance, written - distance + count);
    return end;
  }
  for (let to = written; to < end; to += 1) out[to] = out[to - distance] ?? 0;
  return end;
}
