/** How far a DataVolume is. */
export interface Phase {
  readonly phase: string;
  readonly progress?: string;
  /** When to look again, where nothing will call. */
  readonly again?: number | undefined;
  /** Why it does not go on. */
  readonly trouble?: string | undefined;
  readonly restartCount?: number;
}

/** A share as CDI writes it. */
export function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}
