import { formatMs, useNow } from './moment.tsx';

/** One timed step, as the feed brings it. */
export interface Phase {
  readonly name: string;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly durationMs: number | null;
  readonly error: string | null;
}

/**
 * Timed steps as one bar, each as long as it took: what runs grows as it is looked at. The same in
 * words stands below, for who cannot see the bar.
 */
export function PhaseBar({ phases, label }: { phases: readonly Phase[]; label: string }) {
  const now = useNow();
  if (phases.length === 0) return null;
  const lasting = phases.map((phase) => ({ ...phase, ms: lengthOf(phase, now) }));
  const whole = lasting.reduce((sum, { ms }) => sum + ms, 0);
  return (
    <figure className="phases" aria-label={label}>
      <div className="phase-bar" aria-hidden="true">
        {lasting.map((phase, index) => (
          <span
            key={`${phase.startedAt} ${phase.name}`}
            className="phase"
            data-tone={index % 5}
            data-state={stateOf(phase)}
            style={{ flexGrow: Math.max(phase.ms, whole / 60) }}
            title={`${phase.name}: ${formatMs(phase.ms)}`}
          />
        ))}
      </div>
      <ol className="phase-list">
        {lasting.map((phase, index) => (
          <li
            key={`${phase.startedAt} ${phase.name}`}
            data-tone={index % 5}
            data-state={stateOf(phase)}
          >
            <span className="phase-name">{phase.name}</span>{' '}
            <span className="quiet">{phase.finishedAt === null ? '… ' : ''}</span>
            <span className="phase-length">{formatMs(phase.ms)}</span>
            {phase.error !== null && <span className="phase-error">: {phase.error}</span>}
          </li>
        ))}
      </ol>
    </figure>
  );
}

function stateOf({ finishedAt, error }: Phase): 'RUNNING' | 'FAILED' | 'DONE' {
  if (error !== null) return 'FAILED';
  return finishedAt === null ? 'RUNNING' : 'DONE';
}

function lengthOf({ startedAt, finishedAt, durationMs }: Phase, now: number): number {
  if (durationMs !== null) return durationMs;
  const end = finishedAt === null ? now : Date.parse(finishedAt);
  return Math.max(0, end - Date.parse(startedAt));
}
