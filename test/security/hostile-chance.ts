/** Chance, as the makers of documents use it. */
export interface Chance {
  /** A whole number from `least` to `most`. */
  readonly int: (least: number, most: number) => number;
  readonly pick: <Item>(items: readonly Item[]) => Item;
}

/** Something that is sent to a server in bad faith, or by a broken client. */
export interface Hostile {
  /** What kind it is, so that a failure says where to look. */
  readonly kind: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Makes one of a kind. */
export type Maker = (chance: Chance) => string | Omit<Hostile, 'kind'>;

/** So many of something, the size mostly moderate, sometimes as large as a body can be. */
export function many({ int, pick }: Chance): number {
  return pick([int(1, 40), int(20, 600), int(400, 3_000), int(3_000, 20_000)]);
}
