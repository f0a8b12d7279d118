import type { DocumentNode } from 'graphql';

const MAX_DOCUMENTS = 256;
/** A longer document is parsed each time: its tree is tens of times its text. */
const MAX_LENGTH = 16_384;

/**
 * Documents by their text, so that clients' fixed queries are parsed and validated once. Bounded
 * in number and size, for the text is the callers' to choose; the least recently used one goes.
 */
export function documentCache() {
  const documents = new Map<string, DocumentNode>();
  return {
    get(text: string): DocumentNode | undefined {
      const document = documents.get(text);
      if (document === undefined) return undefined;
      documents.delete(text);
      documents.set(text, document);
      return document;
    },
    set(text: string, document: DocumentNode): void {
      if (text.length > MAX_LENGTH) return;
      documents.set(text, document);
      if (documents.size > MAX_DOCUMENTS) documents.delete(documents.keys().next().value ?? '');
    },
  };
}

/** Mistakes are not worth remembering. */
export const noErrorCache = { get: () => undefined, set: () => undefined };
