import { staticProgram } from './static-program.ts';

// What the program does, instruction by instruction; there is no compiler in the build. It is given
// 59 bytes at once: 16 of a moment as the kernel stores it, then 43 letters of randomness.
const CODE = [
  '4883ec50', // sub rsp, 80
  '31ed', // again: ebp = 0, the bytes that have come
  '31c0 bf04000000 488d342c ba3b000000 29ea 0f05', // more: read(4, rsp + ebp, 59 - ebp)
  '85c0 7e60', // if (eax <= 0) goto end
  '01c5 83fd3b 72e1', // ebp += eax; if (ebp < 59) goto more
  'b801000000 31ff 488d742410 ba2b000000 0f05', // write(0, rsp + 16, 43)
  '89c3 83eb2b', // ebx = eax - 43
  'b810000000 31ff be07520000 31d2 0f05 09c3', // ebx |= ioctl(0, RNDRESEEDCRNG)
  'b8e3000000 31ff 4889e6 0f05 09c3', // ebx |= clock_settime(CLOCK_REALTIME, rsp)
  '0f95c0 0430 b40a 66890424', // the answer: 0 if all of it was done, else 1, and the line's end
  'b801000000 bf05000000 4889e6 ba02000000 0f05', // write(5, rsp, 2)
  'eb86', // goto again
  'b83c000000 31ff 0f05', // end: exit(0)
];

/**
 * A Linux program of 255 bytes that waits in the guest for its wakes: starting one then would cost
 * most of the time. For every 59 bytes on file descriptor 4 it sets the clock to the nanosecond,
 * gives the letters to the kernel's random generator on descriptor 0 and makes it take them up at
 * once (a seed that is only written takes effect up to a minute later, so that clones of one
 * snapshot would give out the same numbers), and answers on descriptor 5 with a line: 0 if all of
 * it was done, else 1. It ends when nobody can write to it any more.
 */
export function settleProgram(): Buffer {
  return staticProgram(CODE);
}
