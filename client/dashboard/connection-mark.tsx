import type { LiveView, Standing } from '../live-feed.ts';
import { useLive, useStanding } from './live.ts';
import { formatSeconds, useSecond } from './moment.tsx';

const WORDS: Readonly<Record<Standing, string>> = {
  LIVE: 'Live',
  CATCHING_UP: 'Catching up',
  AWAY: 'Away',
};

/** How long it is said that everything is right again. */
const CAUGHT_UP_S = 5;

/**
 * Says whether what is shown is live, behind, or without a line, and since when; and for a moment
 * that it has caught up. The feed's bookmarks decide, not the line alone.
 */
export function ConnectionMark() {
  const standing = useStanding();
  const since = useLive((view: LiveView) => view.since);
  const wasLive = useLive((view: LiveView) => view.wasLive);
  const seconds = Math.max(0, Math.round((useSecond() - (since ?? Infinity)) / 1_000));
  const hasCaughtUp = standing === 'LIVE' && wasLive && seconds < CAUGHT_UP_S;
  return (
    <p className="mark" role="status" data-standing={standing}>
      {hasCaughtUp ? 'Caught up' : WORDS[standing]}
      {standing !== 'LIVE' && since !== null && (
        <span className="mark-since" aria-hidden="true">
          {formatSeconds(seconds)}
        </span>
      )}
    </p>
  );
}
