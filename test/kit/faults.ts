import type {
  SimulatorFault,
  SimulatorFaults,
  SimulatorMoment,
} from '../../server/providers/simulator/faults.ts';
import { seeded } from './seeded.ts';

/** Faults, and at which moments they were met. */
export interface FaultPlan extends SimulatorFaults {
  readonly met: readonly SimulatorMoment[];
  /** From now on nothing goes wrong. */
  stop(): void;
}

/** How often and how things go wrong. */
export interface RandomFaults {
  readonly seed: number;
  /** At each moment, of which a step has two. */
  readonly probability: number;
  /** All kinds when left out. */
  readonly kinds?: readonly SimulatorFault['kind'][];
}

const KINDS: readonly SimulatorFault['kind'][] = ['ERROR', 'HANG', 'LATE', 'VANISH', 'SLOW'];

/** The longest that a LATE answer comes late. */
const LATEST_MS = 20_000;

/** Lets one thing go wrong at the moments that are like this one, the first so many times. */
export function faultAt(
  like: Partial<SimulatorMoment>,
  fault: SimulatorFault,
  times = Infinity,
): FaultPlan {
  let left = times;
  return planOf((moment) => {
    if (left <= 0 || !isLike(moment, like)) return undefined;
    left -= 1;
    return fault;
  });
}

/** Lets things go wrong by chance; the same seed, the same faults. */
export function randomFaults(options: RandomFaults): FaultPlan {
  const random = seeded(options.seed);
  const kinds = options.kinds ?? KINDS;
  return planOf(() => {
    if (random() >= options.probability) return undefined;
    return faultOf(kinds[Math.floor(random() * kinds.length)] ?? 'ERROR', random);
  });
}

/** Nothing goes wrong; the plan only says which moments there were. */
export function witness(): SimulatorFaults & { readonly seen: readonly SimulatorMoment[] } {
  const seen: SimulatorMoment[] = [];
  return {
    seen,
    at: (moment) => {
      seen.push(moment);
      return undefined;
    },
  };
}

function planOf(choose: (moment: SimulatorMoment) => SimulatorFault | undefined): FaultPlan {
  const met: SimulatorMoment[] = [];
  let stopped = false;
  return {
    met,
    at: (moment) => {
      const fault = stopped ? undefined : choose(moment);
      if (fault !== undefined) met.push(moment);
      return fault;
    },
    stop: () => {
      stopped = true;
    },
  };
}

function isLike(moment: SimulatorMoment, like: Partial<SimulatorMoment>): boolean {
  const { operation, step, when, name } = { ...moment, ...like };
  return (
    moment.operation === operation &&
    moment.step === step &&
    moment.when === when &&
    moment.name === name
  );
}

function faultOf(kind: SimulatorFault['kind'], random: () => number): SimulatorFault {
  switch (kind) {
    case 'ERROR':
      return { kind, retryable: random() < 0.75 };
    case 'LATE':
      return { kind, byMs: Math.ceil(random() * LATEST_MS) };
    case 'SLOW':
      return { kind, factor: 1 + random() * 9 };
    default:
      return { kind };
  }
}
