import { GraphiQL } from 'graphiql';
import { useSyncExternalStore } from 'react';
import type { Asked } from './address.ts';
import { Bar } from './bar.tsx';
import { chosenScheme } from './scheme.ts';
import type { Sitting } from './sitting.ts';
import { FillIn, ReadyMadeTabs } from './tab-tools.tsx';
import { seesSchema } from './viewing.ts';

/** How the page begins. */
export interface PlaygroundProps {
  readonly sitting: Sitting;
  readonly asked: Asked;
}

/**
 * The editor below the bar. There are no headers to edit: the token is entered above, and stays
 * out of what GraphiQL keeps in the browser.
 */
export function Playground({ sitting, asked }: PlaygroundProps) {
  const { fetcher, viewing, stream } = useSyncExternalStore(sitting.subscribe, sitting.read);
  const { wantsTokens } = sitting.opening;
  const defaultTheme = chosenScheme();
  return (
    <>
      <Bar viewing={viewing} stream={stream} wantsTokens={wantsTokens} onToken={sitting.enter} />
      <main>
        <GraphiQL
          {...asked}
          fetcher={fetcher}
          {...(!seesSchema(viewing) && { schema: null })}
          {...(defaultTheme !== undefined && { defaultTheme })}
          isHeadersEditorEnabled={false}
          defaultEditorToolsVisibility
        >
          <GraphiQL.Logo>
            <ReadyMadeTabs />
          </GraphiQL.Logo>
          <FillIn ids={sitting.ids} />
        </GraphiQL>
      </main>
    </>
  );
}
