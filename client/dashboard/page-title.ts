import { useEffect } from 'react';
import { useLocation, useSearch } from 'wouter';
import { focusPage } from './focus.ts';

/** The page that was shown last; null before the first. */
let shownLast: string | null = null;

/**
 * Names the page in the browser's tab and history, where many are open at once. Whoever comes to
 * it from another page begins at its heading, with the keyboard too, and hears its title; the
 * first page is left to begin as pages do.
 */
export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Snapyard`;
  }, [title]);
  // What a list is narrowed to is in the address too, and is no other page.
  const location = `${useLocation()[0]}?${new URLSearchParams(useSearch()).get('id') ?? ''}`;
  useEffect(() => {
    if (shownLast !== null && shownLast !== location) focusPage();
    shownLast = location;
  }, [location]);
}
