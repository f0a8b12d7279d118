import type { ApiError } from '../ports.ts';
import type { Fields } from './fields.ts';
import type { Target } from './target.ts';

/** A refusal as the `Status` that goes to the client. */
export function statusOf(error: ApiError, target?: Target): Fields {
  const { code, reason, message, causes, retryAfterSeconds } = error;
  // A new object is in no path; its refusal names it.
  const name = target?.name ?? /^[^"]*"([^"]+)"/.exec(message)?.[1];
  const about = target && {
    ...(name !== undefined && { name }),
    ...(target.kind.group !== '' && { group: target.kind.group }),
    kind: reason === 'Invalid' ? target.kind.kind : target.kind.plural,
  };
  const details = {
    ...about,
    ...(causes.length > 0 && { causes }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  };
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(Object.keys(details).length > 0 && { details }),
    code,
  };
}
