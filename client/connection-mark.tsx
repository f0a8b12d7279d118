import type { Standing } from './live-feed.ts';

const MARKS = {
  LIVE: 'Live',
  CATCHING_UP: 'Catching up',
  AWAY: 'Away',
} as const;

/** Says whether what is shown is live. */
export function ConnectionMark({ standing }: { standing: Standing }) {
  return (
    <p className="mark" role="status" data-standing={standing}>
      {MARKS[standing]}
    </p>
  );
}
