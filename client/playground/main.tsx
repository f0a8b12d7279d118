import 'graphiql/setup-workers/vite';
import { createRoot } from 'react-dom/client';
import 'graphiql/style.css';
import { takeAsked } from './address.ts';
import './page.css';
import { Playground } from './playground.tsx';
import { Sitting } from './sitting.ts';
import { readOpening } from './opening.ts';

const place = document.getElementById('playground');
if (place === null) throw new Error('playground.html has no place for the playground');

// Without React's strict mode: GraphiQL makes its editors once, and would lose what is in them.
const sitting = new Sitting(await readOpening());
createRoot(place).render(<Playground sitting={sitting} asked={takeAsked()} />);
