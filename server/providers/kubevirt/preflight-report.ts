/**
 * What a preflight answers: one line for each thing that a pool needs of a cluster, and which ways
 * of making and resetting clusters are open there.
 */

/** One line of the answer. */
export interface Finding {
  /** What was looked at. */
  readonly check: string;
  /** What is there. */
  readonly found: string;
  readonly verdict: Verdict;
  /** What to do about it; null where there is nothing to do. */
  readonly fix: string | null;
}

/** FAIL: no pool can work. WARN: one can, with less. INFO: nothing to judge. */
export type Verdict = 'OK' | 'INFO' | 'WARN' | 'FAIL';

/** One way of making or resetting a cluster, and whether it is open here. */
export interface Rung {
  readonly ladder: 'reset' | 'create';
  readonly rung: string;
  /** Why it is closed; empty where it is open. */
  readonly closed: readonly string[];
}

/** All that a preflight found. */
export interface Preflight {
  /** Whether a pool can work here. */
  readonly works: boolean;
  readonly findings: readonly Finding[];
  readonly rungs: readonly Rung[];
}

/** It is as it must be. */
export function fine(check: string, found: string): Finding {
  return { check, found, verdict: 'OK', fix: null };
}

/** Good to know. */
export function info(check: string, found: string): Finding {
  return { check, found, verdict: 'INFO', fix: null };
}

/** It works with less. */
export function warning(check: string, found: string, fix: string): Finding {
  return { check, found, verdict: 'WARN', fix };
}

/** Without it no pool works. */
export function missing(check: string, found: string, fix: string): Finding {
  return { check, found, verdict: 'FAIL', fix };
}

/** The answer as a table that people read, line by line. */
export function tableOf(preflight: Preflight): string[] {
  const findings = preflight.findings.map(({ check, found, verdict, fix }) => [
    check,
    found,
    verdict,
    fix ?? '',
  ]);
  const rungs = preflight.rungs.map(({ ladder, rung, closed }) => [
    `${ladder}: ${rung}`,
    closed.length === 0 ? 'possible' : 'not possible',
    closed.length === 0 ? 'OK' : 'INFO',
    closed.join('; '),
  ]);
  const verdict = preflight.works
    ? 'A pool can work here.'
    : 'No pool can work here before every FAIL is mended.';
  return [
    ...aligned([['check', 'found', 'verdict', 'fix'], ...findings]),
    '',
    ...(rungs.length === 0 ? [] : [...aligned([['ladder', 'here', '', 'why not'], ...rungs]), '']),
    verdict,
  ];
}

/** Cells below each other; the last one may be as long as it likes. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]?.map((_, column) => column) ?? [];
  const widths = columns.map((column) => Math.max(...rows.map((row) => width(row[column]))));
  return rows.map((row) => {
    const cells = row.map((cell, column) => cell.padEnd(widths[column] ?? 0));
    return cells.join('  ').trimEnd();
  });
}

const WIDEST = 72;

/** A cell that is longer pushes the others of its own line only. */
function width(cell: string | undefined): number {
  const length = cell?.length ?? 0;
  return length > WIDEST ? 0 : length;
}
