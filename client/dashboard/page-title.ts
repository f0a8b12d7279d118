import { useEffect } from 'react';

/** Names the page in the browser's tab and history, where many are open at once. */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Snapyard`;
  }, [title]);
}
