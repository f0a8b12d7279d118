import { type RefObject, useLayoutEffect } from 'react';

/** What is around a button, from near to far, that may take its place. */
const AROUND = 'tr, li, section, main';

/** In a line of a table or list the next thing to press, in a part of the page its heading. */
const IN_LINE = 'a[href], button';
const HEADINGS = 'h1, h2, h3';

/**
 * When a button goes away that has the focus, or that opened the dialog that has it, what was
 * around it takes the focus: otherwise the keyboard would begin at the top of the page again.
 */
export function useFocusKept(button: RefObject<HTMLElement | null>): void {
  useLayoutEffect(() => {
    const { current } = button;
    if (current === null) return undefined;
    return () => {
      const { activeElement } = document;
      const isInDialog = activeElement?.closest('[role="dialog"]') != null;
      if (activeElement !== current && !isInDialog) return;
      const around = ancestors(current);
      // Once the page is as it will be.
      queueMicrotask(() => restoreFocus(around));
    };
  }, [button]);
}

/** Gives the focus to the page's heading, or to all of the page while it has none yet. */
export function focusPage(): void {
  const main = document.getElementById('main');
  const heading = main?.querySelector('h1');
  takeFocus(heading ?? main);
}

function ancestors(element: HTMLElement): readonly Element[] {
  const found: Element[] = [];
  let at = element.parentElement?.closest(AROUND);
  while (at != null) {
    found.push(at);
    at = at.parentElement?.closest(AROUND);
  }
  return found;
}

/** Nothing is taken from whoever has the focus by now. */
function restoreFocus(around: readonly Element[]): void {
  const { activeElement } = document;
  if (activeElement !== null && activeElement !== document.body) return;
  for (const part of around) {
    const place = part.isConnected ? placeIn(part) : null;
    if (place !== null) return takeFocus(place);
  }
}

function placeIn(part: Element): HTMLElement | null {
  const isLine = part.matches('tr, li');
  const inLine = isLine ? part.querySelector<HTMLElement>(IN_LINE) : null;
  return inLine ?? part.querySelector<HTMLElement>(HEADINGS);
}

function takeFocus(place: HTMLElement | null): void {
  if (place === null) return;
  if (!place.matches(IN_LINE)) {
    place.tabIndex = -1;
    place.dataset['takesFocus'] = '';
  }
  place.focus({ preventScroll: true });
}
