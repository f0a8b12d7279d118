import { ProviderError } from '../provider.ts';

/** What is said where a file is not there, nor the folder it would be in. */
const MISSING: readonly unknown[] = ['ENOENT', 'ENOTDIR'];

/** Whether an error says that a file is not there. Any other leaves open whether it is. */
export function isMissing(error: unknown): boolean {
  return MISSING.includes(codeOf(error));
}

/** What the operating system calls an error; undefined where it is none of its. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** Nothing is known of what cannot be read just now, least of all that it is gone. */
export function unread(path: string, error: unknown): ProviderError {
  const detail = error instanceof Error ? error.message : String(error);
  const reason = `${path} cannot be read: ${detail}`;
  return new ProviderError(reason, { retryable: true, cause: error });
}
