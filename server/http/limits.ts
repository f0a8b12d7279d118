/** What the server takes on at once; what goes beyond is refused, never queued. */
export interface Limits {
  /** TCP connections. */
  readonly connections: number;
  /** WebSockets among them. */
  readonly webSockets: number;
  /** Consoles that are open, or being opened. */
  readonly consoles: number;
  /** Those of one caller among them. */
  readonly consolesPerCaller: number;
  /** Operations under way on one WebSocket, subscriptions included. */
  readonly operationsPerSocket: number;
  /** Subscriptions that are open, over all. */
  readonly subscriptions: number;
  /** Different questions of them that one caller has opened: those who ask the same cost little. */
  readonly groupsPerCaller: number;
  /** Queries and mutations under way, over all. */
  readonly pendingOperations: number;
  /** Bytes of a request's body. */
  readonly bodyBytes: number;
  /** Bytes of a message on a WebSocket. */
  readonly messageBytes: number;
}

/** The limits of the product. */
export const LIMITS: Limits = {
  connections: 12_000,
  webSockets: 10_000,
  consoles: 200,
  consolesPerCaller: 20,
  operationsPerSocket: 20,
  subscriptions: 20_000,
  groupsPerCaller: 1_000,
  pendingOperations: 1_000,
  bodyBytes: 100_000,
  messageBytes: 65_536,
};

/** What one document may ask for. Fragments count wherever they are spread. */
export interface DocumentLimits {
  /** Words and signs; comments do not count. */
  readonly tokens: number;
  /** Fragments that a document defines: validation compares them with one another. */
  readonly fragments: number;
  /** Fields within fields. */
  readonly depth: number;
  /** Fields, spreads and inline fragments of an operation. */
  readonly selections: number;
  /** Those among them that stand in the same braces before already. */
  readonly repeats: number;
  /** Fields under another name than their own, of an operation; no name is exempt. */
  readonly aliases: number;
  /** Directives of an operation. */
  readonly directives: number;
  /** Fields of an operation that are asked of the query, mutation or subscription itself. */
  readonly rootFields: number;
  /** Objects an operation may lead to, in the worst case: see `costOf`. */
  readonly cost: number;
  /** Lists and objects within one another, in a value, a type or the variables. */
  readonly valueDepth: number;
  /** Values in the variables, lists and objects among them. */
  readonly variableValues: number;
  /** Mistakes of a document or its variables that are told in one answer. */
  readonly mistakes: number;
}

/**
 * The limits of documents of the product. The largest documents that must pass are the question by
 * which GraphiQL learns the schema, 15 deep, and the feed of our own client, some 330 selections.
 */
export const DOCUMENT_LIMITS: DocumentLimits = {
  tokens: 2_000,
  fragments: 60,
  depth: 16,
  selections: 1_000,
  repeats: 30,
  aliases: 30,
  directives: 8,
  rootFields: 20,
  cost: 10_000,
  valueDepth: 16,
  variableValues: 1_000,
  mistakes: 5,
};
