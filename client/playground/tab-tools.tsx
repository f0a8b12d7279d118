import { useGraphiQL, useGraphiQLActions } from '@graphiql/react';
import { useEffect } from 'react';
import type { LastIds } from './last-ids.ts';
import { READY_MADE_TABS, type ReadyMadeTab } from './ready-made.ts';

/** Brings the ready-made tabs back that were closed or changed; what people wrote stays. */
export function ReadyMadeTabs() {
  const tabs = useGraphiQL(({ tabs }) => tabs);
  const actions = useGraphiQLActions();
  const there = new Set(tabs.map(({ query }) => query));
  const missing = READY_MADE_TABS.filter(({ query }) => !there.has(query));
  const bringBack = () => {
    actions.moveTab([...tabs, ...missing.map(asTab)]);
    actions.changeTab(tabs.length);
  };
  return (
    <button
      type="button"
      className="ready-made"
      disabled={missing.length === 0}
      title="Brings back the ready-made tabs that were closed or changed; yours stay."
      onClick={bringBack}
    >
      Ready-made tabs
    </button>
  );
}

interface FillInProps {
  readonly ids: LastIds;
}

/** Fills in ids of what was made last when a tab is opened that waits for one. */
export function FillIn({ ids }: FillInProps) {
  const active = useGraphiQL(({ activeTabIndex, tabs }) => tabs[activeTabIndex]?.id);
  return <FillInTab key={active} ids={ids} />;
}

function FillInTab({ ids }: FillInProps) {
  const editor = useGraphiQL(({ variableEditor }) => variableEditor);
  useEffect(() => {
    const filledIn = editor === undefined ? undefined : ids.filledIn(editor.getValue());
    if (filledIn !== undefined) editor?.setValue(filledIn);
  }, [editor, ids]);
  return null;
}

function asTab({ query, variables }: ReadyMadeTab) {
  const title = /^(?:query|mutation|subscription) (\w+)/m.exec(query)?.[1] ?? 'Ready-made';
  return {
    id: `${title}-${Date.now()}`,
    hash: `${query}|${variables}|`,
    title,
    query,
    variables,
    headers: null,
    operationName: null,
    response: null,
  };
}
