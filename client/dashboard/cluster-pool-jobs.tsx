import { useMemo } from 'react';
import { useQuery } from 'urql';
import { graphql } from '../graphql.ts';
import { JOB_FIELDS, type Job } from '../subject.ts';
import { JobCard } from './job-card.tsx';
import { useMedians } from './job-medians.ts';
import { useThings } from './live.ts';

/** The last jobs of a pool, and how long those took that were done. */
const JOBS = graphql(
  `
    query PoolJobs($pool: String!, $recent: Int!) {
      recent: jobs(pool: $pool, first: $recent) {
        edges {
          node {
            ...JobFields
          }
        }
      }
      done: jobs(pool: $pool, status: [SUCCEEDED], first: 50) {
        edges {
          node {
            id
            kind
            createdAt
            finishedAt
          }
        }
      }
    }
  `,
  [JOB_FIELDS],
);

/** Jobs that have ended, and are still shown. */
const ENDED_SHOWN = 4;

/** The jobs of a pool: those under way, then the last that ended. */
export function ClusterPoolJobs({ poolId, poolName }: { poolId: string; poolName: string }) {
  const variables = useMemo(() => ({ pool: poolName, recent: 2 * ENDED_SHOWN }), [poolName]);
  const [{ data }] = useQuery({ query: JOBS, variables });
  const things = useThings('jobs');
  const jobs = useMemo(() => {
    const asked = data?.recent.edges.map(({ node }) => node) ?? [];
    return shownJobs(asked, things.values(), poolId);
  }, [data, things, poolId]);
  const done = useMemo(() => data?.done.edges.map(({ node }) => node), [data]);
  const medians = useMedians(poolName, jobs, done);
  return (
    <section className="card" aria-label="Jobs">
      <h2>Jobs</h2>
      {jobs.length === 0 && <p className="quiet">Nothing is under way, and nothing was.</p>}
      <ul className="jobs">
        {jobs.map((job) => (
          <JobCard key={job.id} job={job} medianMs={medians.get(job.kind)} />
        ))}
      </ul>
    </section>
  );
}

/**
 * All jobs of a pool that are not done, and the last that are, the youngest first. The feed knows
 * best how a job stands; of those that ended it may have forgotten some.
 */
export function shownJobs(
  asked: readonly Job[],
  known: Iterable<Job>,
  poolId: string,
): readonly Job[] {
  const byId = new Map([...asked, ...known].map((job) => [job.id, job]));
  const mine = [...byId.values()]
    .filter(({ pool }) => pool.id === poolId)
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  const ended = mine.filter(({ finishedAt }) => finishedAt !== null).slice(0, ENDED_SHOWN);
  return [...mine.filter(({ finishedAt }) => finishedAt === null), ...ended];
}
