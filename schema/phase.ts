import { builder, forViewer } from './builder.ts';
import type { Phase } from './model/job.ts';

/** One timed step, as sessions and jobs show it. */
export const PhaseObject = builder.objectRef<Phase>('Phase').implement({
  description: 'One timed step of a session, cluster or job.',
  authScopes: forViewer,
  fields: (t) => ({
    name: t.exposeString('name', { description: 'What was done, such as `restore`.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When it began.' }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it ended, well or not; null while it goes on.',
    }),
    durationMs: t.int({
      nullable: true,
      description: 'How long it took, in milliseconds; null while it goes on.',
      resolve: ({ startedAt, finishedAt }) => (finishedAt === null ? null : finishedAt - startedAt),
    }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'Why it failed; null when it did not.',
    }),
  }),
});
