import { ProviderError } from '../provider.ts';
import { codeOf } from './error-code.ts';

/** What is said where a file is not there, nor the folder it would be in. */
const MISSING: readonly unknown[] = ['ENOENT', 'ENOTDIR'];

/** Whether an error says that a file is not there. Any other leaves open whether it is. */
export function isMissing(error: unknown): boolean {
  return MISSING.includes(codeOf(error));
}

/** Nothing is known of what cannot be read just now, least of all that it is gone. */
export function unread(path: string, error: unknown): ProviderError {
  const detail = error instanceof Error ? error.message : String(error);
  const reason = `${path} cannot be read: ${detail}`;
  return new ProviderError(reason, { retryable: true, cause: error });
}
