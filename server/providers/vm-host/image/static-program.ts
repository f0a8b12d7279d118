const LOAD_ADDRESS = 0x400000n;
const HEADERS = 120;

/**
 * A Linux program of nothing but these instructions, written as hexadecimal digits: there is no
 * compiler in the build.
 */
export function staticProgram(instructions: readonly string[]): Buffer {
  const code = Buffer.from(instructions.join('').replaceAll(' ', ''), 'hex');
  const size = BigInt(HEADERS + code.length);
  const head = Buffer.alloc(HEADERS);
  head.write('\x7fELF\x02\x01\x01', 0, 'latin1');
  head.writeUInt16LE(2, 16); // executable
  head.writeUInt16LE(62, 18); // x86-64
  head.writeUInt32LE(1, 20); // version
  head.writeBigUInt64LE(LOAD_ADDRESS + BigInt(HEADERS), 24); // entry
  head.writeBigUInt64LE(64n, 32); // program headers begin here
  head.writeUInt16LE(64, 52); // size of this header
  head.writeUInt16LE(56, 54); // size of a program header
  head.writeUInt16LE(1, 56); // one of them
  head.writeUInt32LE(1, 64); // load
  head.writeUInt32LE(5, 68); // readable, executable
  head.writeBigUInt64LE(LOAD_ADDRESS, 80);
  head.writeBigUInt64LE(LOAD_ADDRESS, 88);
  head.writeBigUInt64LE(size, 96); // in the file
  head.writeBigUInt64LE(size, 104); // in memory
  head.writeBigUInt64LE(0x1000n, 112); // alignment
  return Buffer.concat([head, code]);
}
