import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Provider } from 'urql';
import { LiveFeed } from './live-feed.ts';
import { Page } from './page.tsx';
import { tabTokenStore } from './token.tsx';
import './page.css';

const live = new LiveFeed(new URL('/graphql', location.href).href, tabTokenStore);
const place = document.getElementById('page');
if (place === null) throw new Error('index.html has no place for the page');

createRoot(place).render(
  <StrictMode>
    <Provider value={live.client}>
      <Page live={live} />
    </Provider>
  </StrictMode>,
);
