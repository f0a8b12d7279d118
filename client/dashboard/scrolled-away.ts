import { type RefObject, useEffect, useState } from 'react';

/** What the head of the page covers, in pixels. */
const COVERED = 70;

/** Whether the place lies above what is seen of the page: somebody reads further down. */
export function useScrolledAway(place: RefObject<Element | null>): boolean {
  const [isAway, setIsAway] = useState(false);
  useEffect(() => {
    const { current } = place;
    if (current === null) return undefined;
    const watch = new IntersectionObserver(
      (sights) => {
        const last = sights.at(-1);
        if (last === undefined) return;
        setIsAway(!last.isIntersecting && last.boundingClientRect.top < COVERED);
      },
      { rootMargin: `-${COVERED}px 0px 0px 0px` },
    );
    watch.observe(current);
    return () => watch.disconnect();
  }, [place]);
  return isAway;
}
