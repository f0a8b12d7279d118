import { type ASTNode, type DocumentNode, Kind, parse, type Source, visit } from 'graphql';
import { badInput } from '../../schema/request-error.ts';
import type { DocumentLimits } from './limits.ts';

/** What may stand in its own kind without end; selections are counted elsewhere. */
const NESTED: readonly string[] = [Kind.LIST, Kind.OBJECT, Kind.LIST_TYPE];

/**
 * Parses a document. The parser calls itself for each level, and what is within its bound on
 * tokens may still be too deep for that: such a text is a mistake of its sender, no fault of ours.
 */
export function parseWithin(source: string | Source, limits: DocumentLimits): DocumentNode {
  try {
    return parse(source, { maxLexicalTokens: limits.tokens });
  } catch (error) {
    throw error instanceof RangeError ? tooDeep(limits) : error;
  }
}

/** Refuses values and types that are nested so deeply that others would not bear to read them. */
export function assertValues(document: DocumentNode, limits: DocumentLimits): void {
  let depth = 0;
  visit(document, {
    enter({ kind }: ASTNode) {
      if (NESTED.includes(kind)) depth += 1;
      if (depth > limits.valueDepth) throw tooDeep(limits);
    },
    leave({ kind }: ASTNode) {
      if (NESTED.includes(kind)) depth -= 1;
    },
  });
}

function tooDeep({ valueDepth }: DocumentLimits): Error {
  return badInput(`values may be nested ${valueDepth} levels deep, not more`);
}
