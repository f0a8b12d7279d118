import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { whyNoVms } from '../kit/qemu.ts';
import { Keeper } from '../kit/vm-keeper.ts';
import { VmYard } from '../kit/vm-yard.ts';

/** The whole server with real VMs; at length by `npm run check:vms`. */

const missing = await whyNoVms();
const yard = missing === null ? new VmYard() : undefined;
afterAll(() => yard?.close());

it.runIf(missing === null)(
  'VMs outlive the server, and a damaged set (needs QEMU)',
  { timeout: 180_000 },
  async () => {
    if (yard === undefined) throw new Error('there is no yard');
    const { server } = yard;
    await server.start();
    await yard.addPool('micro', { size: 1, templateSets: 1, maxClusters: 2, lazy: false });
    await yard.untilWhole('micro', 1, 1);
    const keeper = new Keeper();
    await keeper.claim(yard, 'micro');
    await server.stop();
    expect(await keeper.look(yard)).toEqual([]);

    // What runs in the guest goes on through the life and the death of a whole server.
    await server.start();
    const before = yard.processes();
    await server.kill();
    expect(yard.processes()).toEqual(before);
    expect(await keeper.look(yard)).toEqual([]);
    const [set = ''] = readdirSync(join(yard.state, 'sets'));
    writeFileSync(join(yard.state, 'sets', set, 'standalone.state'), 'damaged');
    await server.start();

    // The cluster that comes next is made from the image, and the set says why it is not used.
    await yard.send('releaseSession', { sessionId: keeper.held?.id });
    const isCold = (vm: { readonly origin: string | null }) => vm.origin === 'COLD_BOOT';
    const pool = await yard.untilPool('micro', ({ clusters }) =>
      clusters.some(({ status, vms }) => status === 'AVAILABLE' && vms.some(isCold)),
    );
    const failed = pool.sets.find(({ status }) => status === 'FAILED');
    expect(failed?.statusMessage).toMatch(/damaged: .*standalone\.state is not what was captured/);

    await yard.send('deleteClusterPool', { name: 'micro' });
    await expect.poll(() => yard.leftovers(), { timeout: 60_000 }).toEqual([]);
    expect(yard.processes()).toEqual([]);
    await server.stop();
    expect(server.log()).not.toMatch(/"level":(50|60)/);
  },
);
