import { builder } from './builder.ts';

/** The input of mutations that need to know nothing but a pool. */
export const PoolInput = builder.inputType('PoolInput', {
  description: 'Which pool.',
  fields: (t) => ({ pool: t.string({ required: true, description: 'Its name.' }) }),
});
