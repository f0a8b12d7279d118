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
import { passable } from './past-cache.ts';
import { Refresher } from './refresh.ts';
import { Subscriptions } from './resume.ts';
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
  const url = absolute(options.url);
  const keeper = new TokenKeeper(options, (refused) => feed.tokenRefused(refused !== null));
  const line = new Line({
    url,
    keeper,
    onOpened: () => {
      feed.lineOpened();
      refresher.look();
    },
    onClosed: () => feed.lineClosed(),
  });
  const feed: LiveFeed = new LiveFeed({ line, filter, askPosition: () => askPosition(client) });
  const refresher: Refresher = new Refresher(feed);
  const subscriptions = new Subscriptions(line);
  const client = createUrqlClient({ url, keeper, feed, refresher, subscriptions });
  // Through the cache go all messages, whether anybody shows them or not.
  const caching = client.subscription(CHANGES, OWN_FEED).subscribe(({ data }) => {
    if (data != null) refresh(refresher, data.changes);
  });
  feed.start();
  const close = () => {
    caching.unsubscribe();
    subscriptions.close();
    feed.close();
    refresher.close();
    line.close();
  };
  return { client, feed, close };
}

/** No cursor is like this: it marks the one subscription that is fed by the feed itself. */
const OWN_FEED = { after: 'own feed' };

interface ClientParts {
  readonly url: string;
  readonly keeper: TokenKeeper;
  readonly feed: LiveFeed;
  readonly refresher: Refresher;
  readonly subscriptions: Subscriptions;
}

function createUrqlClient({ url, keeper, feed, refresher, subscriptions }: ClientParts): Client {
  const forwardSubscription: SubscriptionForwarder = (request) => ({
    subscribe(sink) {
      const isOwn = request.variables?.['after'] === OWN_FEED.after;
      return { unsubscribe: isOwn ? feed.follow(sink) : subscriptions.begin(request, sink) };
    },
  });
  return new Client({
    url,
    preferGetMethod: false,
    fetch: fetchWith(keeper),
    exchanges: [
      refresher.beforeCache,
      passable([createCache()]),
      refresher.behindCache,
      subscriptionExchange({ forwardSubscription }),
      fetchExchange,
    ],
  });
}

/** A path alone is one of the server that the page came from. */
function absolute(url: string): string {
  return new URL(url, typeof location === 'undefined' ? undefined : location.href).href;
}

async function askPosition(client: Client): Promise<Position | undefined> {
  const { data } = await client.query(POSITION, {}, { requestPolicy: 'network-only' }).toPromise();
  return data;
}

function refresh(refresher: Refresher, message: FeedMessage): void {
  if (message.__typename === 'FeedState' && !message.more) refresher.look();
  if (message.__typename === 'FeedChanges') refresher.mark(message.changes.flatMap(affectedFields));
}
