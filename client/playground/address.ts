import { READY_MADE_TABS, type ReadyMadeTab } from './ready-made.ts';

/** What a link to the playground asks for: `?query=` and, if it has some, `&variables=`. */
export interface Asked {
  readonly initialQuery?: string;
  readonly initialVariables?: string;
  /** The tabs of a browser that has none yet. */
  readonly defaultTabs: ReadyMadeTab[];
}

/** Reads it once, and tidies the address, so that a reload does not ask for it again. */
export function takeAsked(): Asked {
  const asked = new URLSearchParams(location.search);
  const query = asked.get('query');
  if (query === null) return { defaultTabs: [...READY_MADE_TABS] };
  const variables = asked.get('variables') ?? '';
  history.replaceState(null, '', location.pathname);
  return {
    initialQuery: query,
    initialVariables: variables,
    defaultTabs: [{ query, variables }, ...READY_MADE_TABS],
  };
}
