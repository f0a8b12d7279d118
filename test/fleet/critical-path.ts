import type { Latency, LatencyKind } from '../kubernetes/latency.ts';

/**
 * How long a piece of work must take, whoever does it: the longest chain of latencies in the event
 * log of the simulator of which each could not begin before the one before it was over. It is
 * computed from what depends on what, not from what happened to follow what: so a client that
 * does in turn what could be done at once, or that waits while nothing goes on, takes longer than
 * it.
 *
 * A cluster made from the image: disk of the control plane, start, boot, `kubeadm init`; worker
 * (its disk is made meanwhile): start, boot, join, node ready. Its own golden set: both stop, both
 * are cut, start, boot, kubelet ready; snapshots usable. A cluster made from a set needs disks,
 * starts and boots only, and the same golden set. A reset: stop, restore, start, boot, kubelet.
 */
export interface CriticalPath {
  readonly ms: number;
  /** Its latencies in their order. */
  readonly chain: readonly Latency[];
}

/** What a latency waits for: of the same machine, of the control plane, or of all machines. */
interface Needs {
  readonly own?: readonly LatencyKind[];
  readonly leader?: readonly LatencyKind[];
  readonly all?: readonly LatencyKind[];
}

const NEEDS: Readonly<Record<LatencyKind, Needs>> = {
  FILL: {},
  // A worker is told how to join when it is made; a machine that was captured runs again.
  // One that is reset does not run before the disks of all are of one set again.
  START: { own: ['FILL', 'CUT'], leader: ['INIT'], all: ['RESTORE'] },
  BOOT: { own: ['START'] },
  INIT: { own: ['BOOT'] },
  JOIN: { own: ['BOOT'] },
  KUBELET: { own: ['BOOT', 'INIT', 'JOIN'] },
  // A golden set is of a cluster that has proven well, and of one moment.
  STOP: { all: ['KUBELET'] },
  CUT: { all: ['STOP'] },
  UPLOAD: { own: ['CUT'] },
  RESTORE: { own: ['STOP'] },
};

/** What must be over for a cluster to be handed out. */
const LAST: ReadonlySet<LatencyKind> = new Set(['KUBELET', 'UPLOAD']);

/** The critical path of what was done in a namespace between two moments, in epoch milliseconds. */
export function criticalPath(
  latencies: readonly Latency[],
  namespace: string,
  between: { readonly from: number; readonly to: number },
): CriticalPath {
  const within = latencies
    .filter(({ object }) => object.startsWith(`${namespace}/`))
    .filter(({ from, to }) => from >= between.from && to <= between.to)
    .toSorted((a, b) => a.from - b.from);
  const paths: CriticalPath[] = [];
  for (const each of within) {
    const before = paths.filter(({ chain }) => precedes(chain.at(-1), each));
    const longest = longestOf(before);
    const ms = longest.ms + each.to - each.from;
    paths.push({ ms, chain: [...longest.chain, each] });
  }
  return longestOf(paths.filter(({ chain }) => LAST.has(chain.at(-1)?.kind ?? 'FILL')));
}

function longestOf(paths: readonly CriticalPath[]): CriticalPath {
  return paths.reduce((a, b) => (b.ms > a.ms ? b : a), { ms: 0, chain: [] });
}

function precedes(earlier: Latency | undefined, later: Latency): boolean {
  if (earlier === undefined || earlier.to > later.from) return false;
  const { own = [], leader = [], all = [] } = NEEDS[later.kind];
  if (all.includes(earlier.kind)) return true;
  if (machineOf(earlier) === machineOf(later)) return own.includes(earlier.kind);
  return leader.includes(earlier.kind);
}

/** Disks are called after their machine. */
function machineOf({ object }: Latency): string {
  return object.replace(/-rootdisk$/, '');
}

/** A path in words: `copy 12.3 s, start 9.1 s`. */
export function inWords({ chain }: CriticalPath): string {
  return chain
    .map(({ kind, object, from, to }) => {
      const [machine = ''] = (object.split('/')[1] ?? '').split('-');
      return `${machine} ${kind.toLowerCase()} ${seconds(to - from)}`;
    })
    .join(', ');
}

/** Milliseconds as people read them. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
