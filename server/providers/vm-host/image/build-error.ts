import { ProviderError } from '../../provider.ts';

/** Why an image could not be built, as one line that says what to do about it. */
export class BuildError extends Error {
  override readonly name = 'BuildError';
  /** Whether the same build may succeed if tried again. */
  readonly retryable: boolean;
  constructor(message: string, cause?: unknown, retryable = false) {
    super(message, { cause });
    this.retryable = retryable;
  }
}

/** Lets work on images fail as every provider's steps do. */
export async function asProviderError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    const { message, retryable } = error;
    throw new ProviderError(message, { retryable, cause: error });
  }
}
