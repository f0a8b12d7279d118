import type { Bug } from '../ports.ts';
import * as amongReaders from './among-readers.ts';
import * as inTheLog from './in-the-log.ts';
import * as inTheStore from './in-the-store.ts';

/** Every planted bug. */
export const BUGS: readonly Bug[] = [inTheLog, amongReaders, inTheStore].flatMap((file): Bug[] =>
  Object.values(file),
);
