/**
 * What other front-ends take from here: a client whose `changes` subscription survives broken
 * lines and server restarts, and the bookkeeping that makes its messages into a state.
 */
export { EMPTY_FEED, receive, reopened, startedAgain, toldHead } from './feed.ts';
export type { Feed, Things } from './feed.ts';
export { LiveFeed } from './live-feed.ts';
export type { LiveView, TokenStore, Viewer } from './live-feed.ts';
export { createConnection } from './urql.ts';
export type { Connection } from './urql.ts';
export type { ConnectionOptions } from './socket.ts';
