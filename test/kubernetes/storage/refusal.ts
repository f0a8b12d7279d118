import { isDeepStrictEqual } from 'node:util';
import { ApiError, type Admission, type Cause } from '../ports.ts';

/** A cause with the reason that most have. */
export function invalid(field: string, message: string): Cause {
  return { reason: 'FieldValueInvalid', message, field };
}

/** A cause about something that is missing. */
export function notFound(field: string, message: string): Cause {
  return { reason: 'FieldValueNotFound', message, field };
}

/** Refuses as virt-api does, where there is a cause to. */
export function refuseFor(causes: readonly Cause[]): void {
  if (causes.length === 0) return;
  const said = causes.map(({ field, message }) => `${field ?? ''}: ${message}`).join(', ');
  throw new ApiError(422, 'Invalid', `The request is invalid: ${said}`, { causes });
}

/** Refuses as CDI's webhooks do, where there is a cause to. */
export function refuseByCdi(webhook: string, causes: readonly Cause[]): void {
  if (causes.length === 0) return;
  const said = causes.map(({ message }) => message).join(' ');
  const message = `admission webhook "${webhook}" denied the request:  ${said}`;
  throw new ApiError(422, 'Invalid', message, { causes });
}

/** Refuses as the API server does for its own kinds and for rules in a schema. */
export function refuseInvalid(qualified: string, name: string, cause: Cause): never {
  const said = `${cause.field ?? ''}: ${cause.message}`;
  throw new ApiError(422, 'Invalid', `${qualified} "${name}" is invalid: ${said}`, {
    causes: [cause],
  });
}

/** Refuses because a webhook failed at an error of its own. */
export function refuseAsBroken(webhook: string, message: string): never {
  throw new ApiError(
    400,
    'BadRequest',
    `admission webhook "${webhook}" denied the request: ${message}`,
  );
}

/** Whether a write changes what the client may not change. */
export function changesSpec({ operation, object, before }: Admission): boolean {
  return operation === 'UPDATE' && !isDeepStrictEqual(object.spec, before?.spec);
}

/** The causes of a reference that virt-api does not take. */
export function referenceCauses(
  reference: { readonly apiGroup?: string; readonly kind?: string },
  field: string,
  taken: Readonly<Record<string, readonly string[]>>,
): Cause[] {
  const { apiGroup, kind } = reference;
  if (apiGroup === undefined) return [notFound(`${field}.apiGroup`, 'missing apiGroup')];
  const kinds = taken[apiGroup];
  if (kinds === undefined) return [invalid(`${field}.apiGroup`, 'invalid apiGroup')];
  return kinds.includes(kind ?? '') ? [] : [invalid(`${field}.kind`, 'invalid kind')];
}
