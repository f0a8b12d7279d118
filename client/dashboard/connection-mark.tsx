import { useEffect, useState } from 'react';
import type { Standing } from '../live-feed.ts';
import { useStanding } from './live.ts';
import { Since } from './moment.tsx';

const WORDS = {
  LIVE: 'Live',
  CATCHING_UP: 'Catching up',
  AWAY: 'Away',
} as const;

/** How long it is said that everything is right again. */
const CAUGHT_UP_MS = 4_000;

/**
 * Says whether what is shown is live, behind, or without a line, and since when; and for a moment
 * that it has caught up. The feed's bookmarks decide, not the line alone.
 */
export function ConnectionMark() {
  const standing = useStanding();
  const { since, wasBehind } = useStandingSince(standing);
  return (
    <p className="mark" role="status" data-standing={standing}>
      {standing === 'LIVE' && wasBehind ? 'Caught up' : WORDS[standing]}
      {standing !== 'LIVE' && since !== null && (
        <span className="mark-since" aria-hidden="true">
          <Since at={since} />
        </span>
      )}
    </p>
  );
}

/** Since when it has stood so, and whether it has just come back from something worse. */
function useStandingSince(standing: Standing) {
  const [known, setKnown] = useState(NOT_YET_LIVE);
  if (known.standing !== standing) {
    const isLive = standing === 'LIVE';
    setKnown({
      standing,
      since: new Date().toISOString(),
      wasLive: known.wasLive || isLive,
      wasBehind: isLive && known.wasLive,
    });
  }
  useEffect(() => {
    if (!known.wasBehind) return undefined;
    const timer = setTimeout(() => setKnown((now) => ({ ...now, wasBehind: false })), CAUGHT_UP_MS);
    return () => clearTimeout(timer);
  }, [known.wasBehind]);
  return known;
}

const NOT_YET_LIVE: {
  readonly standing: Standing;
  readonly since: string | null;
  readonly wasLive: boolean;
  readonly wasBehind: boolean;
} = { standing: 'AWAY', since: null, wasLive: false, wasBehind: false };
