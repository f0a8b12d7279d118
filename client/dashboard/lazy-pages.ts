import { useEffect } from 'react';
import { lazyPage } from './lazy-page.tsx';
import { useStanding } from './live.ts';

// The first page is the overview; the others are fetched after it, or when one is looked at.

/** One pool. */
export const ClusterPoolPage = lazyPage(page('a pool'), () => import('./cluster-pool-page.tsx'));
/** The form that makes a pool. */
export const NewPoolPage = lazyPage(page('new pool'), () => import('./new-pool-page.tsx'));
/** All sessions. */
export const SessionsPage = lazyPage(page('sessions'), () => import('./sessions-page.tsx'));
/** One session. */
export const SessionPage = lazyPage(page('a session'), () => import('./session-page.tsx'));
/** What people saved. */
export const SavedPage = lazyPage(page('saved'), () => import('./saved-page.tsx'));
/** What has happened. */
export const HistoryPage = lazyPage(page('history'), () => import('./history-page.tsx'));

function page(name: string) {
  return { name, waiting: 'Opening …', className: 'card quiet' };
}

const PAGES = [
  SessionsPage,
  SessionPage,
  ClusterPoolPage,
  HistoryPage,
  SavedPage,
  NewPoolPage,
] as const;

/**
 * Fetches the other pages once the first is live and the browser has nothing else to do: a click
 * then needs no server.
 */
export function usePreloadedPages(): void {
  const isLive = useStanding() === 'LIVE';
  useEffect(() => {
    if (!isLive) return undefined;
    return whenIdle(() => void preloadAll());
  }, [isLive]);
}

/** One after the other, as what is on the page needs the line too; none when the server is gone. */
async function preloadAll(): Promise<void> {
  for (const { preload } of PAGES) if (!(await preload())) return;
}

/** Not all browsers can tell when they are idle. */
function whenIdle(act: () => void): () => void {
  if (typeof requestIdleCallback === 'undefined') {
    const timer = setTimeout(act, IDLE_AFTER_MS);
    return () => clearTimeout(timer);
  }
  const idle = requestIdleCallback(act, { timeout: IDLE_AFTER_MS });
  return () => cancelIdleCallback(idle);
}

const IDLE_AFTER_MS = 2_000;
