import { builder, forViewer } from './builder.ts';
import type { ProvisioningStats } from './context.ts';
import { badInput } from './request-error.ts';
import { ServedFromEnum } from './session.ts';

const ProvisioningStatsObject = builder
  .objectRef<ProvisioningStats>('ProvisioningStats')
  .implement({
    description: 'How long claims took that were served in one way, in one period.',
    authScopes: forViewer,
    fields: (t) => ({
      servedFrom: t.expose('servedFrom', { type: ServedFromEnum, description: 'The way.' }),
      from: t.expose('from', { type: 'DateTime', description: 'When the period begins.' }),
      count: t.exposeInt('count', {
        description: 'How many claims, and clusters made for the pool, ended in it, well or not.',
      }),
      failed: t.exposeInt('failed', { description: 'How many of them failed.' }),
      p50Ms: t.exposeInt('p50Ms', {
        nullable: true,
        description: 'Half of those that succeeded took at most this long; in milliseconds.',
      }),
      p95Ms: t.exposeInt('p95Ms', {
        nullable: true,
        description: '95 of 100 that succeeded took at most this long; in milliseconds.',
      }),
    }),
  });

builder.queryField('provisioningStats', (t) =>
  t.field({
    type: [ProvisioningStatsObject],
    authScopes: forViewer,
    description: 'Provisioning times; in buckets for a chart when bucketMinutes is given.',
    args: {
      pool: t.arg.string({ required: true, description: 'The name of the pool.' }),
      since: t.arg({
        type: 'DateTime',
        description: 'Only from then on; all that is kept without.',
      }),
      claimsOnly: t.arg.boolean({
        description: 'Only claims, without the clusters that were made for the pool; all without.',
      }),
      bucketMinutes: t.arg.int({ description: 'Length of a period, at least 1; one without it.' }),
    },
    resolve: (_root, { pool, since, bucketMinutes, claimsOnly }, { reads }) => {
      if (bucketMinutes != null && bucketMinutes < 1)
        throw badInput('bucketMinutes must be over 0');
      const poolId = reads.clusterPoolByName(pool)?.id;
      if (poolId === undefined) return [];
      const period = { since: since ?? undefined, bucketMinutes: bucketMinutes ?? undefined };
      return reads.provisioningStats({ poolId, ...period, claimsOnly: claimsOnly === true });
    },
  }),
);
