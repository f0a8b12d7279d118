import { ApiError, type Cause } from '../ports.ts';

/** What a webhook found wrong, as one refusal with a cause for each finding. */
export function refuseInvalid(causes: readonly Cause[]): void {
  if (causes.length === 0) return;
  const found = causes.map(({ field, message }) => `${field ?? ''}: ${message}`).join(', ');
  throw new ApiError(422, 'Invalid', `The request is invalid: ${found}`, { causes });
}

/** There is no such object, as the subresources API says it. */
export function notFound(kind: string, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${kind}.kubevirt.io "${name}" not found`);
}

/** The object is not in a state for this, as the subresources API says it. */
export function conflict(kind: string, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${kind}.kubevirt.io "${name}": ${why}`;
  return new ApiError(409, 'Conflict', message);
}

/** Something behind the API failed. */
export function internal(why: string): ApiError {
  return new ApiError(500, 'InternalError', `Internal error occurred: ${why}`);
}

/** A value that cannot be. */
export function badRequest(why: string): ApiError {
  return new ApiError(400, 'BadRequest', why);
}
