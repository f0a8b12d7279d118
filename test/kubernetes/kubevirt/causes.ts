import type { Cause } from '../ports.ts';

/** A value that may not be. */
export function invalid(field: string, message: string): Cause {
  return { reason: 'FieldValueInvalid', message, field };
}

/** A value that must be there. */
export function required(field: string, message: string): Cause {
  return { reason: 'FieldValueRequired', message, field };
}

/** A value that is there already. */
export function duplicate(field: string, message: string): Cause {
  return { reason: 'FieldValueDuplicate', message, field };
}
