import { graphql } from 'graphql';
import { schema } from '../../schema/index.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { createContexts } from '../../server/context.ts';
import { createFeed } from '../../server/feed.ts';
import { Hub } from '../../server/hub.ts';
import type { Fleet } from '../kit/fleet.ts';

/** The data that a caller is answered, as plain objects; errors are thrown. */
export async function dataOf(
  fleet: Fleet,
  source: string,
  variableValues: Record<string, unknown> = {},
  viewer: Viewer = { name: 'admin', role: 'ADMIN' },
): Promise<unknown> {
  const { store, world } = fleet;
  const hub = new Hub(store, world);
  const contexts = createContexts({
    store,
    world,
    verbsFor: ({ name, role }) => fleet.as(name, role === 'USER' ? role : 'ADMIN'),
    feedFor: createFeed({ store, world, hub }),
  });
  const operation = await fleet.done(contexts.open(viewer));
  const answer = graphql({ schema, source, contextValue: operation.context, variableValues });
  const { data, errors } = await fleet.done(answer);
  operation.close();
  hub.close();
  if (errors !== undefined) throw errors[0] ?? new Error('no answer');
  return JSON.parse(JSON.stringify(data));
}
