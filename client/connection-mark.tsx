import type { LiveView } from './live-feed.ts';

const MARKS = {
  LIVE: 'Live',
  CATCHING_UP: 'Catching up',
  AWAY: 'Away',
} as const;

/** LIVE when everything is shown as it is, CATCHING_UP while it may not be, AWAY without a line. */
export type Standing = keyof typeof MARKS;

/** How far what is shown can be trusted. */
export function standingOf({ isConnected, feed }: LiveView): Standing {
  if (!isConnected) return 'AWAY';
  return feed.isLevel ? 'LIVE' : 'CATCHING_UP';
}

/** Says whether what is shown is live. */
export function ConnectionMark({ standing }: { standing: Standing }) {
  return (
    <p className="mark" role="status" data-standing={standing}>
      {MARKS[standing]}
    </p>
  );
}
