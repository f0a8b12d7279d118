import { MantineProvider } from '@mantine/core';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { createSnapyardClient, type SnapyardClient } from '../snapyard-client.ts';
import { tabToken } from '../tab-token.ts';
import { LiveContext } from './live.ts';
import { Shell } from './shell.tsx';
import { theme } from './theme.ts';
import '@mantine/core/styles.css';
import './theme.css';
import './page.css';

const place = document.getElementById('page');
if (place === null) throw new Error('index.html has no place for the page');
const root = createRoot(place);

function connect(): SnapyardClient {
  const url = new URL('/graphql', location.href).href;
  return createSnapyardClient({ url, token: tabToken.read });
}

function show({ client, feed, close }: SnapyardClient): void {
  // Whoever signs in gets a connection of its own: nothing is left of what another has seen.
  const signIn = (token: string | null) => {
    tabToken.keep(token);
    close();
    show(connect());
  };
  root.render(
    <StrictMode>
      <MantineProvider
        theme={theme}
        defaultColorScheme="auto"
        withCssVariables={false}
        withGlobalClasses={false}
      >
        <Provider value={client}>
          <LiveContext value={feed}>
            <Shell onToken={signIn} />
          </LiveContext>
        </Provider>
      </MantineProvider>
    </StrictMode>,
  );
}

show(connect());
