/** What the server takes on at once; what goes beyond is refused, never queued. */
export interface Limits {
  /** TCP connections. */
  readonly connections: number;
  /** WebSockets among them. */
  readonly webSockets: number;
  /** Operations under way on one WebSocket, subscriptions included. */
  readonly operationsPerSocket: number;
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
  operationsPerSocket: 20,
  pendingOperations: 1_000,
  bodyBytes: 100_000,
  messageBytes: 65_536,
};

/** What one document may ask for. */
export interface DocumentLimits {
  /** Words and signs, comments not counted. */
  readonly tokens: number;
}

/** The limits of documents of the product. */
export const DOCUMENT_LIMITS: DocumentLimits = {
  tokens: 2_000,
};
