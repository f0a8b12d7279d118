import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ClusterRef, Provider } from '../../../../server/providers/provider.ts';
import { baseImage, imagesOn, microRef, microSet, qemuOn } from '../../../kit/qemu.ts';
import { stateFolder, tearDown, whyNoVms } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';

const missing = await whyNoVms();
if (missing !== null) console.info(`no SSH servers are tested here: ${missing}`);

const KEY = '/etc/dropbear/dropbear_ed25519_host_key';

/** Builds the image with an SSH server into a folder. */
async function buildSsh(folder: string): Promise<void> {
  const base = baseImage();
  const store = await imagesOn(folder);
  const { recipe } = store.catalogue().find(({ name }) => name === 'ssh') ?? {};
  if (recipe === undefined) throw new Error('there is no image with an SSH server');
  const parent = { name: base.name, imageVersion: base.imageVersion };
  const from = { kind: 'RECIPE', recipe } as const;
  const order = { name: 'ssh', imageVersion: 1, parent, madeFor: 'a-row', from };
  await store.ensureImage(order, stepOf(1));
}

describe.runIf(missing === null)('an SSH server (needs QEMU)', { timeout: 120_000 }, () => {
  const folder = stateFolder();
  let provider: Provider;

  beforeAll(async () => {
    await buildSsh(folder);
    provider = await qemuOn(folder, { imageDir: folder });
  }, 120_000);
  afterAll(() => tearDown(provider, folder));

  const sh = async (cluster: ClusterRef, script: string) => {
    const { signal } = stepOf(1);
    const vm = { cluster, role: 'STANDALONE' } as const;
    return (await provider.run(vm, ['sh', '-c', script], { signal })).stdout.trim();
  };

  const keyOf = async (cluster: ClusterRef) =>
    (await sh(cluster, `dropbearkey -y -f ${KEY} | grep ^ssh-ed25519`)).split(' ')[1] ?? '';

  test('each clone has host keys of its own, and serves with them', async () => {
    const set = microSet(1);
    const withSsh = <Role extends object>(role: Role) => ({ ...role, image: 'ssh@1' });
    const ofSsh = { ...set, roles: set.roles.map(withSsh) };
    await provider.ensureSet({ kind: 'IMAGE' }, ofSsh, 'OFFLINE', stepOf(1));
    const keys: string[] = [];
    for (const name of ['ssh-1', 'ssh-2']) {
      const micro = microRef(name);
      const ref = { ...micro, vms: micro.vms.map(withSsh) };
      await provider.ensureCluster(ref, { kind: 'SET', set: ofSsh }, stepOf(1));
      const session = { id: `session-${name}`, owner: 'ada' };
      await provider.wake(ref, session, stepOf(2));
      const key = await keyOf(ref);
      // A wake that is asked for again, as after a crash, leaves it as it is.
      await provider.wake(ref, session, stepOf(2));
      expect(await keyOf(ref)).toBe(key);
      expect(await sh(ref, 'pidof dropbear | wc -w')).toBe('1');
      keys.push(key);
    }
    // The next session on the first is of what the last made of it, and the last knew its key.
    const micro = microRef('ssh-1');
    const ref = { ...micro, vms: micro.vms.map(withSsh) };
    const next = { ...ofSsh, ...microSet(2), roles: ofSsh.roles };
    const source = { kind: 'CLUSTER', cluster: ref, inUse: true } as const;
    await provider.ensureSet(source, next, 'ONLINE', stepOf(2));
    await provider.ensureReset(ref, next, stepOf(3));
    await provider.wake(ref, { id: 'session-3', owner: 'bob' }, stepOf(4));
    keys.push(await keyOf(ref));
    expect(keys.every((key) => key.length > 60)).toBe(true);
    expect(new Set(keys).size).toBe(3);
  });
});
