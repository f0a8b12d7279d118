/** What the bench of real VMs prints. */
import { median, quantile, shown } from './figures.ts';
import { describeMachine, loadAverage } from './machine.ts';
import type { VmOutcome, VmRow } from './vm-measure.ts';
import type { VmMemory } from './vm-server.ts';

const NAME = 26;
const CELL = 10;
const GOALS = { p50: 12, p95: 25, ratio: 100 } as const;
const COLUMNS = ['spawns', 'p50 ms', 'p95 ms', 'longest', 'told p50', 'failures'];
/** The line above rows of figures. */
export const HEADER = `${''.padEnd(NAME)}${COLUMNS.map((n) => n.padStart(CELL)).join('')}  origins`;

/** Prints all that was found; answers how many spawns came to nothing. */
export function reportVms(outcome: VmOutcome): number {
  const { cold, restored, warm, rows, memory, disk } = outcome;
  console.log('Snapyard VMs: from the mutation sent to RUNNING heard, through the whole server\n');
  for (const line of describeMachine()) console.log(line);
  console.log('told      from the claim to a guest with its identity, as the server says\n');
  console.log(HEADER);
  for (const row of [cold, restored, ...warm]) console.log(lineOf(row));
  console.log('');
  for (const line of goalLines(outcome)) console.log(line);
  console.log('');
  console.log(memoryLine('a ready VM', memory.ready));
  console.log(memoryLine('a VM that was woken', memory.awake));
  const each = (name: string, values: readonly number[]) =>
    `disk of ${name}`.padEnd(NAME) + `${shown(median(values))} MiB (${values.length} of them)`;
  console.log(each('a set', disk.sets));
  console.log(each("a VM's own files", disk.vms));
  const failures = rows.flatMap((row) => row.failures);
  for (const failure of new Set(failures)) console.log(failure);
  console.log(`\nload average at the end ${loadAverage()}`);
  return failures.length;
}

/** One row of figures. */
export function lineOf({ name, spawned, failures }: VmRow): string {
  const sorted = spawned.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const told = spawned.map(({ toldMs }) => toldMs);
  const cells = [
    String(spawned.length),
    shown(median(sorted)),
    shown(quantile(sorted, 0.95)),
    shown(sorted.at(-1) ?? NaN),
    shown(median(told)),
    String(failures.length),
  ];
  const figures = cells.map((cell) => cell.padStart(CELL)).join('');
  return `${name.padEnd(NAME)}${figures}  ${originsOf(spawned)}`;
}

/** How many came from where. */
function originsOf(spawned: VmRow['spawned']): string {
  const counts = new Map<string, number>();
  for (const { origin } of spawned) counts.set(origin, (counts.get(origin) ?? 0) + 1);
  return [...counts].map(([origin, count]) => `${origin} ${count}`).join(', ');
}

function goalLines({ cold, restored, warm }: VmOutcome): string[] {
  const single = warm.find(({ atOnce }) => atOnce === 1);
  if (single === undefined) return [];
  const times = (row: VmRow) => row.spawned.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const p50 = median(times(single));
  const p95 = quantile(times(single), 0.95);
  const ratio = median(times(cold)) / p50;
  const verdict = (isMet: boolean, goal: string) => `goal ${goal}: ${isMet ? 'met' : 'missed'}`;
  const line = (name: string, value: number, rest = '') =>
    `${name.padEnd(NAME + 2)}${shown(value).padStart(CELL)}  ${rest}`.trimEnd();
  return [
    line('warm, one at a time, p50', p50, verdict(p50 <= GOALS.p50, `<= ${GOALS.p50}`)),
    line('warm, one at a time, p95', p95, verdict(p95 <= GOALS.p95, `<= ${GOALS.p95}`)),
    line('cold boot / warm', ratio, verdict(ratio >= GOALS.ratio, `>= ${GOALS.ratio}`)),
    line('from a snapshot / warm', median(times(restored)) / p50),
  ];
}

function memoryLine(name: string, all: readonly VmMemory[]): string {
  const own = median(all.map((one) => one.own));
  const shared = median(all.map((one) => one.shared));
  const sum = all.reduce((total, one) => total + one.own + one.shared, 0);
  return (
    `memory of ${name}`.padEnd(NAME + 4) +
    `${shown(own)} MiB of its own, ${shown(shared)} MiB its part of what is shared; ` +
    `${all.length} VMs together ${shown(sum)} MiB`
  );
}
