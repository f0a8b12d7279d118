/**
 * `node bin/run.js file args`: as `node file args`, under a Node that Snapyard supports. For the
 * scripts of package.json: not every npm puts the Node it installed first in their PATH.
 */
import { handOver } from './hand-over.js';

handOver(process.argv.slice(2));
