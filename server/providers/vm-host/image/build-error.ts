/** Why the image could not be built, as one line that says what to do about it. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
  }
}
