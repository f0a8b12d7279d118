/** The seeds of a campaign: a few in a test run, as many as wanted by its own command. */
export function seedsOf(campaign: string, inTests: number): { all: boolean; seeds: number[] } {
  const all = process.env['SNAPYARD_CAMPAIGN'] === campaign;
  const first = Number(all ? process.env['SNAPYARD_SEED'] : 1);
  const count = Number(all ? process.env['SNAPYARD_SEEDS'] : inTests);
  return { all, seeds: Array.from({ length: count }, (_, i) => first + i) };
}
