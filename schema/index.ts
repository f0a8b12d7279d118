import { builder } from './builder.ts';
import './change.ts';
import './cluster.ts';
import './cluster-pool.ts';
import './cluster-pool-verbs.ts';
import './console.ts';
import './feed.ts';
import './image.ts';
import './image-verbs.ts';
import './job.ts';
import './node.ts';
import './provisioning-stats.ts';
import './session.ts';
import './snapshot.ts';
import './snapshot-source.ts';
import './template.ts';
import './viewer.ts';
import './vm-handle.ts';

/** The whole API; printed to schema.graphql. */
export const schema = builder.toSchema();
