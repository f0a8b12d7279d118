// What the program does, instruction by instruction; there is no compiler in the build.
const CODE = [
  '4883ec10', // sub rsp, 16
  'b810000000 31ff be07520000 31d2 0f05', // ioctl(0, RNDRESEEDCRNG)
  '89c3', // mov ebx, eax
  '31c0 bf04000000 4889e6 ba10000000 0f05', // read(4, rsp, 16)
  'b8e3000000 31ff 4889e6 0f05', // clock_settime(CLOCK_REALTIME, rsp)
  '09d8 f7d8 89c7', // edi = -(eax | ebx)
  'b83c000000 0f05', // exit(edi)
];
const LOAD_ADDRESS = 0x400000n;
const HEADERS = 120;

/**
 * A Linux program of 180 bytes that makes the kernel's random generator take up new seeds at once
 * (a seed that is only written to it takes effect up to a minute later, so that clones of one
 * snapshot would give out the same numbers), and sets the clock to the nanosecond from 16 bytes on
 * file descriptor 4. Both in one program, because starting one costs most of the wake.
 */
export function settleProgram(): Buffer {
  const code = Buffer.from(CODE.join('').replaceAll(' ', ''), 'hex');
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
