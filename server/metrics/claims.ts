import type { ControlPlane } from '../../schema/context.ts';
import { Refusal } from '../../schema/model/refusal.ts';
import type { ControlPlaneFor } from '../control-plane.ts';
import type { World } from '../world.ts';
import type { EventMetrics } from './events.ts';

type Claims = Pick<ControlPlane, 'createSession' | 'spawnVm'>;

/**
 * The same verbs, with the answers to claims timed and refusals counted: a refused claim leaves
 * nothing in the log that could be counted.
 */
export function timingClaims(
  verbsFor: ControlPlaneFor,
  events: EventMetrics,
  world: Pick<World, 'elapsed'>,
): ControlPlaneFor {
  return (viewer) => {
    const verbs = verbsFor(viewer);
    const timed = <Input extends { readonly pool: string }, Made>(
      verb: (input: Input) => Promise<Made>,
      outcomeOf: (made: Made) => string,
    ) => {
      return async (input: Input): Promise<Made> => {
        const begin = world.elapsed();
        const answered = (outcome: string) =>
          events.answered(input.pool, outcome, (world.elapsed() - begin) / 1_000);
        try {
          const made = await verb(input);
          answered(outcomeOf(made));
          return made;
        } catch (error) {
          answered(error instanceof Refusal ? error.code : 'FAULT');
          if (error instanceof Refusal) events.refused(input.pool, error.code);
          throw error;
        }
      };
    };
    const claims: Claims = {
      createSession: timed(
        (input) => verbs.createSession(input),
        ({ status }) => status,
      ),
      spawnVm: timed(
        (input) => verbs.spawnVm(input),
        () => 'SPAWNED',
      ),
    };
    return { ...verbs, ...claims };
  };
}
