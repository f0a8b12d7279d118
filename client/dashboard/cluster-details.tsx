import { useEffect, useRef } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../graphql.ts';
import type { Cluster } from '../subject.ts';
import { Ago } from './moment.tsx';
import { PhaseBar } from './phases.tsx';
import { say } from './pool-words.ts';

/** What was done at a cluster, and what it was made from: asked for when somebody looks. */
const DETAILS = graphql(`
  query ClusterDetails($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on Cluster {
        namespace
        createdAt
        timeline {
          name
          startedAt
          finishedAt
          durationMs
          error
        }
        madeFrom {
          id
          name
          role
          set
        }
      }
    }
  }
`);

/** More steps than can be told apart in one bar. */
const MOST_STEPS = 12;

/**
 * What was done at a cluster, step by step, and what it was made from. Each of its steps is a
 * change of it, which the feed tells: the rest is asked for anew then.
 */
export function ClusterDetails({ id, name, version }: Pick<Cluster, 'id' | 'name' | 'version'>) {
  const [{ data, error }, ask] = useQuery({ query: DETAILS, variables: { id } });
  const asked = useRef(version);
  useEffect(() => {
    if (asked.current === version) return;
    asked.current = version;
    ask({ requestPolicy: 'network-only' });
  }, [version, ask]);
  const cluster = data?.node;
  if (cluster === undefined) {
    const words = error === undefined ? 'Asking …' : 'The server did not answer.';
    return <p className="quiet">{words}</p>;
  }
  if (cluster?.__typename !== 'Cluster') return <p className="quiet">It is gone.</p>;
  const { timeline, madeFrom, namespace, createdAt } = cluster;
  const earlier = timeline.length - MOST_STEPS;
  return (
    <div className="stack details-of">
      <p className="quiet">
        Begun <Ago at={createdAt} /> · namespace {namespace} · made from{' '}
        {madeFrom.length === 0 ? 'the image, or not made yet' : madeFrom.map(describe).join(', ')}
      </p>
      {earlier > 0 && <p className="quiet">{earlier} earlier steps, then:</p>}
      <PhaseBar phases={timeline.slice(-MOST_STEPS)} label={`Steps of ${name}`} />
      {timeline.length === 0 && <p className="quiet">Nothing was done at it yet.</p>}
    </div>
  );
}

function describe({ role, set, name }: { role: string; set: number; name: string }): string {
  return `${name} (${say(role).toLowerCase()}, set ${set})`;
}
