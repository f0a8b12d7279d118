import { useQuery } from 'urql';
import { Link } from 'wouter';
import { graphql } from '../graphql.ts';
import type { Cluster, ClusterPool } from '../subject.ts';
import { ActionScope } from './action-scope.tsx';
import { ClusterCounts } from './cluster-counts.tsx';
import { ClusterPoolButtons } from './cluster-pool-buttons.tsx';
import { ClaimButton } from './cluster-pool-card.tsx';
import { ClusterStrip } from './cluster-strip.tsx';
import { Ago } from './moment.tsx';
import { paths } from './paths.ts';
import { say } from './pool-words.ts';
import { ServedLine } from './served-line.tsx';

/** What a pool's clusters are made of; a template never changes, so it is asked for once. */
const TEMPLATE = graphql(`
  query PoolTemplate($name: String!) {
    clusterPool(name: $name) {
      id
      template {
        id
        name
        templateVersion
        roles {
          role
          image
          cpuCores
          memoryMiB
          diskGiB
        }
      }
    }
  }
`);

/** What the clusters of a pool are made of; undefined until it is known. */
export function useTemplate(poolName: string) {
  const [{ data }] = useQuery({ query: TEMPLATE, variables: { name: poolName } });
  return data?.clusterPool?.template;
}

/** What a pool is, how it stands, and what can be done to it as a whole. */
export function ClusterPoolHead(props: { pool: ClusterPool; clusters: readonly Cluster[] }) {
  const { pool, clusters } = props;
  return (
    <section className="card" data-pool={pool.name} aria-label={`Pool ${pool.name}`}>
      <ActionScope canBeHad={pool.stats.availableClusters > 0}>
        <header className="card-head wrapping">
          <div>
            <h1 className="long-name">{pool.name}</h1>
            <p className="quiet">
              {pool.provider.toLowerCase()} · made <Ago at={pool.createdAt} /> ·{' '}
              <Link href={paths.historyOf(pool.id)}>History of {pool.name}</Link>
            </p>
          </div>
          <ClusterPoolButtons pool={pool} />
          <ClaimButton pool={pool} />
        </header>
        {pool.replenishPaused !== null && (
          <p className="warning" role="status">
            No new clusters are made: {pool.replenishPaused}. A bootstrap, a repair or another
            setting lets it go on.
          </p>
        )}
      </ActionScope>
      <ClusterCounts stats={pool.stats} />
      <ClusterStrip poolName={pool.name} clusters={clusters} />
      <PoolFacts pool={pool} />
    </section>
  );
}

function PoolFacts({ pool }: { pool: ClusterPool }) {
  const template = useTemplate(pool.name);
  return (
    <ul className="facts">
      <Fact name="Clusters">
        {pool.stats.totalClusters} of {pool.size}
        {pool.maxClusters > pool.size && `, at most ${pool.maxClusters}`}
        {pool.lazy && ', made when first used'}
      </Fact>
      {template !== undefined && (
        <Fact name="Template">
          {template.name}, version {template.templateVersion}:{' '}
          {template.roles.map(describeRole).join(', ')}
        </Fact>
      )}
      <Fact name="After a session">{say(pool.recycle)}</Fact>
      <Fact name="When none is free">{say(pool.whenEmpty)}</Fact>
      <Fact name="Identity">{say(pool.identity)}</Fact>
      <Fact name="Proof of readiness">{say(pool.readiness)}</Fact>
      <li>
        <ServedLine poolName={pool.name} />
      </li>
    </ul>
  );
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <li>
      <span className="fact-name">{name}</span> {children}
    </li>
  );
}

/** A VM of a cluster. */
interface RoleSpec {
  readonly role: string;
  readonly image: string | null;
  readonly cpuCores: number;
  readonly memoryMiB: number;
  readonly diskGiB: number | null;
}

function describeRole({ role, image, cpuCores, memoryMiB, diskGiB }: RoleSpec): string {
  const disk = diskGiB === null ? [] : [`${diskGiB} GiB disk`];
  const sizes = [`${cpuCores} CPU`, `${memoryMiB} MiB`, ...disk];
  const from = image === null ? '' : ` of ${image}`;
  return `${say(role)}${from} (${sizes.join(', ')})`;
}
