/** What a bench prints. */
import { shown, shownRounds, type Measured } from './figures.ts';
import { describeMachine, loadAverage } from './machine.ts';

/** The sizes that figures depend on. */
export interface Sizes {
  readonly rounds: number;
  readonly large: number;
  readonly small: number;
}

/** What one round found. */
export interface Round {
  readonly raw: Measured;
  readonly claim1: Measured;
  readonly claim64: Measured;
  readonly query1: Measured;
  readonly query64: Measured;
  /** Medians of claims from the large and the small pool, in milliseconds. */
  readonly fromLarge: number;
  readonly fromSmall: number;
}

/** Prints what is measured, and on what. */
export function describe(plan: Sizes, filledIn: number): void {
  console.log(`Snapyard bench: medians of ${plan.rounds} [lowest .. highest]\n`);
  for (const line of describeMachine()) console.log(line);
  const sizes = `${plan.large.toLocaleString('en')} clusters each, small pools of ${plan.small}`;
  console.log(`pools     2 of the simulator with ${sizes}; two VMs a cluster.`);
  console.log(
    `          All clusters but the first of a pool are copied rows (${shown(filledIn)} s);`,
  );
  console.log('          the server runs with all its loops and its log on.\n');
}

/** Prints the figures of all rounds. */
export function report({ large, small }: Sizes, rounds: readonly Round[]): void {
  const header = ['per second', 'per CPU second', 'p50 ms', 'p99 ms'];
  console.log(row('', header));
  const show = (name: string, pick: (round: Round) => Measured) => {
    const figures = (of: (one: Measured) => number) => shownRounds(rounds.map((r) => of(pick(r))));
    const cells = [
      figures((m) => m.perSecond),
      figures((m) => m.perCpuSecond),
      figures((m) => m.p50),
      figures((m) => m.p99),
    ];
    console.log(row(name, cells));
  };
  show('raw transaction, one by one', (r) => r.raw);
  show('claim, 1 connection', (r) => r.claim1);
  show('claim, 64 connections', (r) => r.claim64);
  show('pool query, 1 connection', (r) => r.query1);
  show('pool query, 64 connections', (r) => r.query64);
  console.log('');
  const ratio = (name: string, of: (round: Round) => number) =>
    console.log(`${name.padEnd(58)} ${shownRounds(rounds.map(of))}`);
  ratio(
    'claims at 64 connections / raw transactions',
    (r) => r.claim64.perSecond / r.raw.perSecond,
  );
  ratio('the same per CPU second', (r) => r.claim64.perCpuSecond / r.raw.perCpuSecond);
  const sizes = `${large.toLocaleString('en')} / a claim from ${small}`;
  ratio(`p50 of a claim from ${sizes}`, (r) => r.fromLarge / r.fromSmall);
  console.log(`\nload average at the end ${loadAverage()}`);
}

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(28) + cells.map((cell) => cell.padStart(26)).join('');
}
