import { useDocumentVisibility } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import { useClient } from 'urql';
import { graphql } from '../graphql.ts';
import { PAST_CACHE } from '../past-cache.ts';
import type { Cluster } from '../subject.ts';
import { useLive, useStanding } from './live.ts';

const HEALTH = graphql(`
  query HealthCheck($id: ID!) {
    cluster(id: $id) {
      id
      lastHealthCheck
    }
  }
`);

/** So often a server looks at a cluster that is free or held, and so long that may take. */
const CHECKED_EVERY_MS = 300_000;
const CHECK_TAKES_MS = 15_000;

/** One that is not looked at, as the server has no provider for it, is not asked for more often. */
const ASKED_EVERY_MS = 120_000;

/**
 * When a cluster was last looked at. That alone is no change of it, so that the feed, which tells
 * it with the next change, may be hours behind. Here it is asked for once there must be a later
 * one: for each cluster that is shown about every five minutes, only while somebody can see the
 * page and the page has a line to the server.
 */
export function useHealthCheck(cluster: Cluster): string | null {
  const client = useClient();
  const [answer, setAnswer] = useState<Answer>(NO_ANSWER);
  const ahead = useLive(({ clockAheadMs }) => clockAheadMs);
  const isLive = useStanding() === 'LIVE';
  const isSeen = useDocumentVisibility() === 'visible';
  const { id, lastHealthCheck } = cluster;
  const checkedAt = later(lastHealthCheck, answer.checkedAt);
  const isWanted = isLive && isSeen && isInspected(cluster);
  const { askedAt } = answer;
  useEffect(() => {
    if (!isWanted) return undefined;
    let isHere = true;
    const ask = async () => {
      const { data } = await client.query(HEALTH, { id }, PAST_CACHE).toPromise();
      const now = data?.cluster?.lastHealthCheck ?? null;
      if (isHere) setAnswer({ checkedAt: now, askedAt: Date.now() });
    };
    const waitMs = askInMs({ checkedAt, askedAt, now: Date.now(), aheadMs: ahead });
    const timer = setTimeout(() => void ask(), waitMs);
    return () => {
      isHere = false;
      clearTimeout(timer);
    };
  }, [client, id, isWanted, checkedAt, askedAt, ahead]);
  return checkedAt;
}

interface Answer {
  readonly checkedAt: string | null;
  /** By this computer's clock. */
  readonly askedAt: number;
}

const NO_ANSWER: Answer = { checkedAt: null, askedAt: 0 };

/** What decides when to ask again; times in epoch milliseconds by this computer's clock. */
interface Known {
  readonly checkedAt: string | null;
  readonly askedAt: number;
  readonly now: number;
  /** How far the server's clock is ahead of ours. */
  readonly aheadMs: number;
}

/** In how many milliseconds there must be a later look at a cluster than the one that is known. */
export function askInMs({ checkedAt, askedAt, now, aheadMs }: Known): number {
  const checked = checkedAt === null ? 0 : Date.parse(checkedAt) - aheadMs;
  const due = checked + CHECKED_EVERY_MS + CHECK_TAKES_MS;
  return Math.max(0, due - now, askedAt + ASKED_EVERY_MS - now);
}

/** Only clusters that are free or held are looked at. */
function isInspected({ status, removingAt }: Cluster): boolean {
  return removingAt === null && (status === 'AVAILABLE' || status === 'LOCKED');
}

function later(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}
