/** For each state the states that may follow it; an empty list marks a final state. */
export type Transitions<State extends string> = {
  readonly [From in State]: readonly State[];
};

/** Whether the table lets a thing go from one state to another. Staying is not a move. */
export function mayMove<State extends string>(
  table: Transitions<State>,
  from: State,
  to: State,
): boolean {
  return table[from].includes(to);
}

/** Whether nothing may follow this state. */
export function isFinal<State extends string>(table: Transitions<State>, state: State): boolean {
  return table[state].length === 0;
}
