import { createContext, type ReactNode, useState } from 'react';
import { RefusalNote } from './refusal.tsx';

/** Where the actions of a part of the page tell why they were refused; null takes it back. */
export const RefusalContext = createContext<(refusal: string | null) => void>(() => {});

interface ActionScopeProps {
  readonly children: ReactNode;
  /** Whether what is asked for here can be had: once it can again, an earlier no is old. */
  readonly canBeHad?: boolean;
}

/**
 * A part of a page whose actions tell their refusals in one place: below it, where it is read out
 * too. What was refused is forgotten with the next action.
 */
export function ActionScope({ children, canBeHad = true }: ActionScopeProps) {
  const [refusal, setRefusal] = useState<string | null>(null);
  const [known, setKnown] = useState(canBeHad);
  if (known !== canBeHad) {
    setKnown(canBeHad);
    if (canBeHad) setRefusal(null);
  }
  return (
    <RefusalContext value={setRefusal}>
      {children}
      <RefusalNote text={refusal} />
    </RefusalContext>
  );
}
