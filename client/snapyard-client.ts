import {
  Client,
  fetchExchange,
  subscriptionExchange,
  type SubscriptionForwarder,
} from '@urql/core';
import { createCache } from './cache.ts';
import { affectedFields } from './affected.ts';
import { CHANGES, type ChangeFilter, type FeedMessage } from './feed-message.ts';
import { fetchWith } from './http.ts';
import { LiveFeed, POSITION, type Position } from './live-feed.ts';
import { Refresher } from './refresh.ts';
import { ResumingSubscription } from './resume.ts';
import { Line } from './socket.ts';
import { TokenKeeper, type TokenSource } from './token-keeper.ts';

/** Which server, as whom, and how much of it. */
export interface SnapyardOptions extends TokenSource {
  /** Where the server answers GraphQL, such as https://snapyard.example.org/graphql. */
  readonly url: string;
  /** What the feed is about; everything that the viewer may see when left out. */
  readonly filter?: ChangeFilter | undefined;
}

/** A connection to a server that lasts until it is closed. */
export interface SnapyardClient {
  /** For queries, mutations and subscriptions; the same things are the same everywhere. */
  readonly client: Client;
  /** Everything there is, live: `listen` and `read` fit React's useSyncExternalStore. */
  readonly feed: Pick<LiveFeed, 'listen' | 'read'>;
  /** Ends it all. */
  readonly close: () => void;
}

/**
 * Connects to a server, for one viewer: sign somebody else in with a new one. It goes on through
 * broken lines, restarts and tokens that expire, for as long as it takes.
 */
export function createSnapyardClient(options: SnapyardOptions): SnapyardClient {
  const { filter } = options;
  const keeper = new TokenKeeper(options, (refused) => feed.tokenRefused(refused !== null));
  const line = new Line({
    url: options.url,
    keeper,
    onOpened: () => feed.lineOpened(),
    onClosed: () => feed.lineClosed(),
  });
  const feed: LiveFeed = new LiveFeed({ line, filter, askPosition: () => askPosition(client) });
  const refresher = new Refresher(feed);
  const client = createUrqlClient(options.url, line, feed, refresher);
  // Through the cache go all messages, whether anybody shows them or not.
  const caching = client.subscription(CHANGES, OWN_FEED).subscribe(({ data }) => {
    if (data != null) refresh(refresher, data.changes);
  });
  feed.start();
  const close = () => {
    caching.unsubscribe();
    feed.close();
    refresher.close();
    line.close();
  };
  return { client, feed, close };
}

/** No cursor is like this: it marks the one subscription that is fed by the feed itself. */
const OWN_FEED = { after: 'own feed' };

function createUrqlClient(url: string, line: Line, feed: LiveFeed, refresher: Refresher): Client {
  const forwardSubscription: SubscriptionForwarder = (request) => ({
    subscribe(sink) {
      if (request.variables?.['after'] === OWN_FEED.after)
        return { unsubscribe: feed.follow(sink) };
      const subscription = new ResumingSubscription(request, sink, line);
      return { unsubscribe: () => subscription.end() };
    },
  });
  return new Client({
    url,
    preferGetMethod: false,
    fetch: fetchWith(line.keeper),
    exchanges: [
      refresher.beforeCache,
      createCache(),
      refresher.behindCache,
      subscriptionExchange({ forwardSubscription }),
      fetchExchange,
    ],
  });
}

async function askPosition(client: Client): Promise<Position | undefined> {
  const { data } = await client.query(POSITION, {}, { requestPolicy: 'network-only' }).toPromise();
  return data;
}

function refresh(refresher: Refresher, message: FeedMessage): void {
  if (message.__typename === 'FeedState' && !message.more) refresher.markAll();
  if (message.__typename === 'FeedChanges') refresher.mark(message.changes.flatMap(affectedFields));
}
