import { parse } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Viewer } from '../../schema/model/viewer.ts';
import { DOCUMENT_LIMITS, type DocumentLimits } from './limits.ts';

/** What the limits know of an operation on its way. */
interface Asked {
  readonly run: { readonly viewer: Viewer };
}

/**
 * Refuses documents that ask for too much before anything is done for them. It belongs before the
 * plugin that opens contexts, so that what is refused costs no connection to the database.
 */
export function documentLimits(limits: DocumentLimits = DOCUMENT_LIMITS): Plugin<Asked> {
  return {
    onParse({ setParseFn }) {
      setParseFn((source, options) => parse(source, { ...options, maxTokens: limits.tokens }));
    },
  };
}
