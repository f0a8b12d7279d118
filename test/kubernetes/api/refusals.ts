import { ApiError, type Cause, type Kind } from '../ports.ts';
import { resourceOf } from './kinds.ts';

/** The object is not there. */
export function notFound(kind: Kind, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${resourceOf(kind)} "${name}" not found`);
}

/** Its name is taken. */
export function alreadyExists(kind: Kind, name: string): ApiError {
  return new ApiError(409, 'AlreadyExists', `${resourceOf(kind)} "${name}" already exists`);
}

/** The writer has seen an older version of the object. */
export function conflict(kind: Kind, name: string, why: string): ApiError {
  const what = `Operation cannot be fulfilled on ${resourceOf(kind)} "${name}"`;
  return new ApiError(409, 'Conflict', `${what}: ${why}`);
}

/** What a conflict of versions says. */
export const MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

/** The object's contents are not legal. */
export function invalid(kind: Kind, name: string, causes: readonly Cause[]): ApiError {
  const said = causes.map(({ field, message }) => (field ? `${field}: ${message}` : message));
  const list = said.length === 1 ? said[0] : `[${said.join(', ')}]`;
  const type = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return new ApiError(422, 'Invalid', `${type} "${name}" is invalid: ${list}`, { causes });
}

/** Somebody may not do that, or something stands against it. */
export function forbidden(kind: Kind, name: string, why: string): ApiError {
  return new ApiError(403, 'Forbidden', `${resourceOf(kind)} "${name}" is forbidden: ${why}`);
}

/** The request makes no sense. */
export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message);
}

/** The history that the client asks for is no longer kept. */
export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message);
}
