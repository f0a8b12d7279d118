import { setId } from '../../server/outside.ts';
import type { Fleet } from '../kit/fleet.ts';
import { snapshotsOf } from '../kit/pool-under-test.ts';
import { inventoryOf, namesOf } from './deeds.ts';
import { namespacesOf, POOL } from './works.ts';

/** What is outside, and how much of everything, when all work is done. */
export interface Standing {
  readonly namespaces: number;
  readonly cluster: Readonly<Record<string, number>>;
  readonly templates: Readonly<Record<string, number>>;
  readonly strange: readonly string[];
}

/** How it stands with the pool; lets up to ten minutes pass for what nobody knows any more. */
export async function standingOf(fleet: Fleet): Promise<Standing> {
  await fleet.world
    .runUntil(() => strangeTo(fleet).length === 0, { withinMs: 660_000 })
    .catch(() => undefined);
  const namespace = fleet.members(POOL)[0]?.namespace ?? '';
  return {
    namespaces: namespacesOf(fleet, POOL).length,
    cluster: inventoryOf(fleet, namespace),
    templates: inventoryOf(fleet, 'vm-templates'),
    strange: strangeTo(fleet),
  };
}

/** What is outside that no row knows, or that a later hand than any row's has touched. */
function strangeTo(fleet: Fleet): string[] {
  const rows = fleet.members(POOL);
  const sets = new Set(snapshotsOf(fleet, POOL).map(setId));
  const { objects } = fleet.kubernetes;
  const namespaces = namespacesOf(fleet, POOL).flatMap((name) => {
    const fence = objects.get('Namespace', undefined, name)?.metadata.annotations?.[
      'snapyard.io/fence'
    ];
    const row = rows.find(({ namespace }) => namespace === name);
    if (row === undefined) return [`namespace ${name} is nobody's`];
    return Number(fence) > row.fence
      ? [`namespace ${name} has fence ${fence}, its row ${row.fence}`]
      : [];
  });
  const kinds = ['VirtualMachine', 'DataVolume', 'PersistentVolumeClaim', 'VirtualMachineSnapshot'];
  const templates = kinds.flatMap((kind) =>
    objects.list(kind, { namespace: 'vm-templates' }).flatMap(({ metadata: { name, labels } }) => {
      const set = labels?.['snapyard.io/set-id'] ?? labels?.['snapyard.io/cluster'];
      return set === undefined || sets.has(set) ? [] : [`${kind} ${name} is of set ${set}`];
    }),
  );
  const restores = namesOf(fleet, 'VirtualMachineRestore').map((name) => `restore ${name} is left`);
  return [...namespaces, ...templates, ...restores];
}
