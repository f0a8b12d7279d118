import { createContext, type ReactNode, useEffect, useState } from 'react';
import { RefusalNote } from './refusal.tsx';

/** Where the actions of a part of the page tell why they were refused; null takes it back. */
export const RefusalContext = createContext<(refusal: string | null) => void>(() => {});

/** How long a refusal is shown: longer than it takes to read, shorter than it takes to be wrong. */
const SHOWN_MS = 180_000;

/** What was refused in a part of the page, and how to tell it. */
export interface RefusalState {
  readonly refusal: string | null;
  readonly tell: (refusal: string | null) => void;
}

/**
 * The refusal of a part of the page, for one that stays while there is one to be read. It is
 * forgotten with the next action there, once what is asked for can be had again, and after three
 * minutes in any case: what was so then says nothing of now.
 */
export function useRefusal(canBeHad = true): RefusalState {
  const [refusal, tell] = useState<string | null>(null);
  const [known, setKnown] = useState(canBeHad);
  if (known !== canBeHad) {
    setKnown(canBeHad);
    if (canBeHad) tell(null);
  }
  useEffect(() => {
    if (refusal === null) return undefined;
    const timer = setTimeout(() => tell(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [refusal]);
  return { refusal, tell };
}

interface ActionScopeProps {
  readonly children: ReactNode;
  /** Whether what is asked for here can be had: once it can again, an earlier no is old. */
  readonly canBeHad?: boolean;
  /** Where the refusal is kept, for a part of the page that looks at it itself. */
  readonly state?: RefusalState;
}

/**
 * A part of a page whose actions tell their refusals in one place: below it, where it is read out
 * too. It stands around what comes and goes with `allowedActions`: a button that is refused
 * because things have changed goes away with the same change, and its refusal is still to be read.
 * How long that is shown: see `useRefusal`.
 */
export function ActionScope({ children, canBeHad = true, state }: ActionScopeProps) {
  const own = useRefusal(canBeHad);
  const { refusal, tell } = state ?? own;
  return (
    <RefusalContext value={tell}>
      {children}
      <RefusalNote text={refusal} />
    </RefusalContext>
  );
}
