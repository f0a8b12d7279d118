import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { Page } from './page.tsx';
import { createSnapyardClient, type SnapyardClient } from './snapyard-client.ts';
import { tabTokenStore } from './token.tsx';
import './page.css';

const place = document.getElementById('page');
if (place === null) throw new Error('index.html has no place for the page');
const root = createRoot(place);

function connect(): SnapyardClient {
  const url = new URL('/graphql', location.href).href;
  return createSnapyardClient({ url, token: tabTokenStore.read });
}

function show({ client, feed, close }: SnapyardClient): void {
  // Whoever signs in gets a connection of its own: nothing is left of what another has seen.
  const signIn = (token: string) => {
    tabTokenStore.keep(token);
    close();
    show(connect());
  };
  root.render(
    <StrictMode>
      <Provider value={client}>
        <Page feed={feed} onToken={signIn} />
      </Provider>
    </StrictMode>,
  );
}

show(connect());
