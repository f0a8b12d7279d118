import { badInput } from '../../schema/request-error.ts';
import type { DocumentLimits } from './limits.ts';

/**
 * Refuses variables that are nested too deeply or too many. JSON has no bound on either, and what
 * reads it later, or prints it in a message, calls itself for each level.
 */
export function assertVariables(variables: unknown, limits: DocumentLimits): void {
  let level: unknown[] = [variables];
  let count = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limits.valueDepth)
      throw badInput(`values may be nested ${limits.valueDepth} levels deep, not more`);
    level = level.flatMap(valuesIn);
    count += level.length;
    if (count > limits.variableValues)
      throw badInput(`the variables hold ${count} values; ${limits.variableValues} are allowed`);
  }
}

function valuesIn(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}
