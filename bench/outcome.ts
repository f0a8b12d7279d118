/** What a part of the bench has found. */
import type { Measured } from './figures.ts';

/** What is aimed at: met when the median of all rounds is on the right side of it. */
export type Goal = { readonly atLeast: number } | { readonly atMost: number };

/** One figure, a value for each round. */
export interface Finding {
  readonly name: string;
  readonly values: readonly number[];
  readonly goal?: Goal;
}

/** Figures side by side: a value for each round in each cell. */
export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly {
    readonly name: string;
    readonly cells: readonly (readonly number[])[];
  }[];
}

/** All that one part has found. */
export interface Outcome {
  readonly title: string;
  /** What it was measured on, and what the figures mean. */
  readonly notes: readonly string[];
  /** What means something on another machine too. */
  readonly findings: readonly Finding[];
  readonly tables: readonly Table[];
  /** What could not be measured, and why: the run has failed. */
  readonly failures?: readonly string[];
}

/** What all parts are told. */
export interface Run {
  /** For files; removed at the end. */
  readonly folder: string;
  readonly rounds: number;
  readonly isQuick: boolean;
  /** Where to write profiles of the server's processor time. */
  readonly profile: string | undefined;
}

/** A table of rates: the columns that {@link Measured} has, a row for each name. */
export function tableOf<Round>(
  rounds: readonly Round[],
  rows: Readonly<Record<string, (round: Round) => Measured>>,
): Table {
  const columns: readonly ((one: Measured) => number)[] = [
    (one) => one.perSecond,
    (one) => one.perCpuSecond,
    (one) => one.p50,
    (one) => one.p99,
  ];
  return {
    header: ['per second', 'per CPU second', 'p50 ms', 'p99 ms'],
    rows: Object.entries(rows).map(([name, pick]) => ({
      name,
      cells: columns.map((column) => rounds.map((round) => column(pick(round)))),
    })),
  };
}
