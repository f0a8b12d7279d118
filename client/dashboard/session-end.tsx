import { isSoon } from './extension.ts';
import { TimeLeft, useNow } from './moment.tsx';

/** How long a session still lasts; it looks otherwise when that is not long. */
export function SessionEnd({ at }: { at: string }) {
  const soon = isSoon(at, useNow());
  return (
    <p className="session-end" data-soon={soon}>
      <span className="session-end-name">{soon ? 'Ends soon' : 'Time left'}</span>{' '}
      <TimeLeft until={at} />
    </p>
  );
}
