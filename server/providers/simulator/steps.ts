/**
 * Every step of every operation at which the simulator can be made to fail, before it and after
 * it. A step is one order to the outside world, or the wait for one to be carried out.
 */
export const SIMULATOR_STEPS = [
  { operation: 'look', step: 'ask' },
  { operation: 'list', step: 'ask' },
  { operation: 'create', step: 'place' },
  { operation: 'create', step: 'start' },
  { operation: 'create', step: 'answer' },
  { operation: 'wake', step: 'ask' },
  { operation: 'reset', step: 'stop' },
  { operation: 'reset', step: 'restore' },
  { operation: 'reset', step: 'recreate' },
  { operation: 'reset', step: 'start' },
  { operation: 'reset', step: 'answer' },
  { operation: 'capture', step: 'place' },
  { operation: 'capture', step: 'stop' },
  { operation: 'capture', step: 'freeze' },
  { operation: 'capture', step: 'capture' },
  { operation: 'capture', step: 'start' },
  { operation: 'capture', step: 'answer' },
  { operation: 'capture', step: 'prove' },
  { operation: 'mark', step: 'write' },
  { operation: 'access', step: 'write' },
  { operation: 'remove', step: 'delete' },
  { operation: 'run', step: 'command' },
  { operation: 'open', step: 'connect' },
] as const;

/** One of them. */
export type SimulatorStep = (typeof SIMULATOR_STEPS)[number];

/** What the simulator is asked to do. */
export type SimulatorOperation = SimulatorStep['operation'];
