/** What is said of fan-out. */
import type { Pair } from './broadcast.ts';
import { median } from './figures.ts';
import { BURSTS, CLOSED_LOOP, type Flow } from './flow.ts';
import type { Finding, Outcome, Table } from './outcome.ts';

/** Rounds with subscribers, and what the events cost when nobody watches. */
export interface Mode {
  readonly watched: readonly Pair[];
  readonly alone: readonly Pair[];
}

/** All that was measured with as many subscribers. */
export interface AudienceRound {
  readonly size: number;
  /** Bytes of a message. */
  readonly bytes: number;
  readonly closed: Mode;
  readonly bursts: Mode;
  /** Bytes for each subscriber: on the heap, and of all that the process holds. */
  readonly heap: number;
  readonly resident: number;
}

/** The same by `clusterUpdated`. */
export interface ClusterRounds extends Mode {
  readonly size: number;
  readonly bytes: number;
}

const HEAP_GOAL_KB = 9;
/** With everything that a delivery needs, and many at once. */
const GOALS = { closed: 1, bursts: 3 } as const;

/** All of it in the form that is printed. */
export function outcomeOf(
  rounds: readonly AudienceRound[],
  clusters: ClusterRounds,
  failures: readonly string[],
): Outcome {
  const modes = rounds.flatMap((round) => [
    { ...round, ...round.closed, name: closedName(round.size), goal: GOALS.closed },
    { ...round, ...round.bursts, name: burstsName(round.size), goal: GOALS.bursts },
  ]);
  const ofClusters = { ...clusters, name: `clusterUpdated, ${closedName(clusters.size)}` };
  const all = [...modes, { ...ofClusters, goal: GOALS.closed }];
  return {
    title: 'Fan-out: deliveries per CPU second of the server / those of ws.send(string)',
    failures,
    notes: [
      ...all.map(({ name, bytes }) => `${name}: messages of ${bytes} bytes, both`),
      'A delivery is one message at one subscriber. All are counted; those of 1 in 100 are read,',
      'and must prove that nothing is missing between them. "Alone" is the same without',
      'subscribers: ours then commits and answers, the other only answers. Ours also pings every',
      'socket each 5 s and sends bookmarks. Where the load is busy near 100 %, its core limits',
      'the rate per second, not the server.',
    ],
    findings: [...all.flatMap(ratiosOf), ...rounds.map(heapOf)],
    tables: [tableOf(all)],
  };
}

const closedName = (size: number) =>
  `${size.toLocaleString('en')} subscribers, ${CLOSED_LOOP.makers} events under way`;
const burstsName = (size: number) =>
  `${size.toLocaleString('en')} subscribers, bursts of ${BURSTS.atOnce}`;

interface Named extends Mode {
  readonly name: string;
  readonly goal: number;
}

function ratiosOf({ name, watched, alone, goal }: Named): Finding[] {
  const cost = { ours: eventCost(alone, 'ours'), raw: eventCost(alone, 'raw') };
  const ratio = (of: (flow: Flow, side: 'ours' | 'raw') => number) =>
    watched.map(({ ours, raw }) => of(ours, 'ours') / of(raw, 'raw'));
  return [
    { name, values: ratio(perCpuSecond), goal: { atLeast: goal } },
    {
      name: '  the cost of the events alone taken off both',
      values: ratio((flow, side) => withoutEvents(flow, cost[side])),
      goal: { atLeast: goal },
    },
    { name: '  by the clock', values: ratio((flow) => flow.deliveries / flow.seconds) },
  ];
}

function heapOf({ size, heap }: AudienceRound): Finding {
  return {
    name: `heap of an idle subscriber, KB, ${size.toLocaleString('en')} of them`,
    values: [heap / 1_000],
    goal: { atMost: HEAP_GOAL_KB },
  };
}

function perCpuSecond({ deliveries, cpuSeconds }: Flow): number {
  return deliveries / cpuSeconds;
}

/** Seconds of the server's processor time for an event that nobody watches. */
function eventCost(alone: readonly Pair[], side: 'ours' | 'raw'): number {
  return median(alone.map((pair) => pair[side].cpuSeconds / pair[side].events));
}

function withoutEvents({ deliveries, cpuSeconds, events }: Flow, cost: number): number {
  return deliveries / (cpuSeconds - events * cost);
}

function tableOf(modes: readonly Named[]): Table {
  const header = ['deliveries per second', 'per CPU second', 'events per second'];
  return {
    header: [...header, 'CPU us of one alone', 'load busy %'],
    rows: modes.flatMap(({ name, watched, alone }) =>
      (['ours', 'raw'] as const).map((side) => ({
        name: `${name}, ${side}`,
        cells: [
          watched.map((pair) => pair[side].deliveries / pair[side].seconds),
          watched.map((pair) => perCpuSecond(pair[side])),
          watched.map((pair) => pair[side].events / pair[side].seconds),
          alone.map((pair) => (pair[side].cpuSeconds / pair[side].events) * 1e6),
          watched.map((pair) => pair[side].loadBusy * 100),
        ],
      })),
    ),
  };
}
