/** What a bench prints. */
import { median, shownRounds } from './figures.ts';
import { describeMachine, loadAverage } from './machine.ts';
import type { Finding, Goal, Outcome, Table } from './outcome.ts';

const NAME = 60;
const CELL = 26;

/** Prints all that was found: first what means something elsewhere too. */
export function report(rounds: number, outcomes: readonly Outcome[]): void {
  console.log(`Snapyard bench: medians of ${rounds} [lowest .. highest]\n`);
  for (const line of describeMachine()) console.log(line);
  for (const { title, findings, failures = [] } of outcomes) {
    console.log(`\n${title}`);
    for (const finding of findings) console.log(`  ${lineOf(finding)}`);
    for (const failure of failures) console.log(`  ${failure}`);
  }
  for (const { title, notes, tables } of outcomes) {
    console.log(`\n---- ${title}`);
    for (const note of notes) console.log(note);
    for (const table of tables) printTable(table);
  }
  console.log(`\nload average at the end ${loadAverage()}`);
}

function lineOf({ name, values, goal }: Finding): string {
  const figures = `${name.padEnd(NAME)} ${shownRounds(values).padEnd(CELL)}`;
  return goal === undefined ? figures.trimEnd() : `${figures} ${verdict(goal, median(values))}`;
}

function verdict(goal: Goal, value: number): string {
  const isMet = 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost;
  const bound = 'atLeast' in goal ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`;
  return `goal ${bound}: ${isMet ? 'met' : 'missed'}`;
}

function printTable({ header, rows }: Table): void {
  console.log(`\n${row('', header)}`);
  for (const { name, cells } of rows) console.log(row(name, cells.map(shownRounds)));
}

function row(name: string, cells: readonly string[]): string {
  return name.padEnd(34) + cells.map((cell) => cell.padStart(CELL)).join('');
}
