/** What the operating system calls an error; undefined where it is none of its. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
