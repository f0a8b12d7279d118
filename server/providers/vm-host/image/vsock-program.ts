import { staticProgram } from './static-program.ts';

// What the program does, instruction by instruction; there is no compiler in the build.
const CODE = [
  '4989e4', // r12 = rsp: the number of arguments, then they, then the environment
  'b829000000 bf28000000 be01000000 31d2 0f05', // socket(AF_VSOCK, SOCK_STREAM, 0)
  '85c0 0f8883000000 89c3', // if (eax < 0) goto end; ebx = eax
  '48b8ffffffff00000000 50', // an address: of any machine,
  '48b82800000084140000 50', // AF_VSOCK, port 5252
  'b831000000 89df 4889e6 ba10000000 0f05 85c0 7556', // bind(ebx, rsp, 16), else goto end
  'b832000000 89df be08000000 0f05 85c0 7544', // listen(ebx, 8), else goto end
  'b82b000000 89df 31f6 31d2 0f05 85c0 7833', // accept(ebx, 0, 0), else goto end
  '89c5 b821000000 89ef be03000000 0f05', // ebp = eax; dup2(ebp, 3): nobody listens any more
  'b803000000 89ef 0f05', // close(ebp)
  'b83b000000 498b7c2410 498d742410', // execve(the first argument, it and those after it,
  '498b0c24 498d54cc10 0f05', // the environment)
  'b83c000000 bf01000000 0f05', // end: exit(1)
];

/**
 * A Linux program of 293 bytes that waits for one connection on port 5252 of the guest's vsock and
 * becomes the program it was given as its argument, with that connection as file descriptor 3.
 * Nothing that a shell could start does that.
 */
export function vsockProgram(): Buffer {
  return staticProgram(CODE);
}
