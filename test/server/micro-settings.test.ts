import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPools } from '../../db/cluster-pool.ts';
import { readConfig } from '../../server/config.ts';
import { createControlPlane } from '../../server/control-plane.ts';
import { ensurePools } from '../../server/pools-file.ts';
import type { FindTraits } from '../../server/pools.ts';
import { ADMIN, openTestStore, type TestStore } from '../kit/store.ts';

let kit: TestStore;

beforeEach(() => {
  kit = openTestStore();
});
afterEach(() => kit.close());

const findTraits: FindTraits = () => {
  return { goldenState: 'POOL', wakes: true, captureModes: ['OFFLINE'], savesSessions: true };
};

test.each([
  ['IRONCLAW_POOL_SIZE', '0'],
  ['IRONCLAW_POOL_SIZE', '21'],
  ['IRONCLAW_POOL_SIZE', 'x'],
  ['IRONCLAW_POOL_SIZE', '5.5'],
  ['IRONCLAW_SNAPSHOT_REFRESH_SECS', '59'],
  ['IRONCLAW_SNAPSHOT_REFRESH_SECS', '-3600'],
])('%s=%s stops the start', (name, value) => {
  const bounds = /must be a whole number from (1 to 20|60 to 31536000)$/;
  expect(() => readConfig({ [name]: value })).toThrow(bounds);
  expect(() => readConfig({ [name]: value })).toThrow(`${name} is "${value}"`);
});

test('they are what pools of micro-VMs have that say nothing, however they are made', async () => {
  const env = { IRONCLAW_POOL_SIZE: '7', IRONCLAW_SNAPSHOT_REFRESH_SECS: '60' };
  const config = readConfig(env);
  await kit.done(ensurePools(kit.store, config, findTraits));
  const { microDefaults } = config;
  const verbs = createControlPlane({ store: kit.store, findTraits, microDefaults })(ADMIN);
  const make = (pool: object) => kit.done(verbs.createClusterPool({ name: 'p', ...pool } as never));
  await make({ name: 'silent', provider: 'FIRECRACKER' });
  await make({ name: 'own', provider: 'QEMU', size: 2, snapshotMaxAgeSeconds: 90 });
  await make({ name: 'other', provider: 'SIMULATOR' });
  const pools = kit.store.read((db) => findPools(db));
  const told = pools.map((pool) => `${pool.name} ${pool.size} ${pool.snapshotMaxAgeSeconds}`);
  expect(told.toSorted()).toEqual([
    'cks 3 2592000',
    'micro 7 60',
    'other 3 2592000',
    'own 2 90',
    'silent 7 60',
  ]);
});

test('without them a pool of micro-VMs has five clusters and snapshots of an hour', async () => {
  await kit.done(ensurePools(kit.store, readConfig({}), findTraits));
  const micro = kit.store.read((db) => findPools(db)).find(({ name }) => name === 'micro');
  expect(micro).toMatchObject({ size: 5, snapshotMaxAgeSeconds: 3_600 });
});
