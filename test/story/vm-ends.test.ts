import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isRecord, readJson } from '../../server/providers/vm-host/json-file.ts';
import { whyNoVms } from '../kit/qemu.ts';
import { inGuest, VmYard } from '../kit/vm-yard.ts';

/** Guests and processes of real VMs end by themselves; many are asked for at once. */

const missing = await whyNoVms();
const campaign = process.env['SNAPYARD_CAMPAIGN'] === 'vms';
const MOST = 20;

const ENDS = {
  'powers off': 'poweroff -f',
  reboots: 'reboot -f',
  panics: 'echo c > /proc/sysrq-trigger',
};

describe.runIf(missing === null && campaign)(
  'VMs of a server (needs QEMU)',
  { timeout: 400_000 },
  () => {
    let yard: VmYard;
    const held: string[] = [];

    beforeAll(async () => {
      yard = new VmYard();
      await yard.server.start();
      await yard.addPool('micro', { size: 5, maxClusters: MOST, whenEmpty: 'PROVISION' });
      await yard.untilWhole('micro', 5, 2);
    }, 200_000);
    afterAll(() => yard.close());

    const claim = async () => {
      const answer = await yard.send('createSession', { pool: 'micro' }, '... on Session { id }');
      held.push(String(answer['id']));
    };
    const running = async () => {
      const { clusters } = await yard.untilPool('micro', (pool) =>
        pool.clusters.every(({ assignedSession: its }) => its === null || its.status === 'RUNNING'),
      );
      return clusters.filter(({ assignedSession }) => assignedSession !== null);
    };
    const stateOf = (id: string) =>
      yard.ask('query ($id: ID!) { node(id: $id) { ... on Session { status statusMessage } } }', {
        id,
      });
    const processOf = (cluster: string): number => {
      const record = readJson(join(yard.state, 'vms', `vm-${cluster}`, 'vm.json'));
      const known = isRecord(record) && isRecord(record['process']) ? record['process']['pid'] : 0;
      return Number(known);
    };
    const release = async () => {
      for (const sessionId of held.splice(0)) {
        await yard.send('releaseSession', { sessionId }).catch(() => null);
      }
      await yard.untilWhole('micro', 5, 2);
    };

    it(`serves ${MOST} at once, each with its own identity, and refuses one more`, async () => {
      await Promise.all(Array.from({ length: MOST }, claim));
      const another = yard.send('spawnVm', { pool: 'micro' });
      await expect(another).rejects.toThrow('all that it may have are in use');
      const clusters = await running();
      expect(clusters).toHaveLength(MOST);
      await yard.server.stop();
      const told = await yard.withProvider(async (provider, store) => {
        const of = 'cat /proc/sys/kernel/hostname /etc/machine-id /proc/sys/kernel/random/uuid';
        const found: string[][] = [];
        for (const { name } of clusters) {
          found.push((await inGuest(provider, store, name, of)).stdout.trim().split('\n'));
        }
        return found;
      });
      for (const field of [0, 1, 2]) {
        expect(new Set(told.map((lines) => lines[field])).size).toBe(MOST);
      }
      await yard.server.start();
      await release();
    });

    it.each(Object.entries(ENDS))('tells whose guest %s, and makes another', async (_, line) => {
      await claim();
      const [cluster] = await running();
      await yard.server.stop();
      await yard.withProvider((provider, store) => {
        const later = `(sleep 5; ${line}) > /dev/null 2>&1 < /dev/null &`;
        return inGuest(provider, store, cluster?.name ?? '', later);
      });
      await yard.server.start();
      const [session = ''] = held;
      await expect
        .poll(() => stateOf(session), { timeout: 60_000 })
        .toMatchObject({
          status: 'FAILED',
          statusMessage: `vm-${cluster?.name} no longer exists`,
        });
      await release();
    });

    it('tells whose process is killed, and makes others of those that are free', async () => {
      await claim();
      const [cluster] = await running();
      process.kill(processOf(cluster?.name ?? ''), 'SIGKILL');
      const [session = ''] = held;
      await expect
        .poll(() => stateOf(session), { timeout: 60_000 })
        .toMatchObject({
          status: 'FAILED',
        });
      await release();
      const free = (await yard.pool('micro'))?.clusters[0]?.name ?? '';
      process.kill(processOf(free), 'SIGKILL');
      await yard.untilPool('micro', (pool) =>
        pool.clusters.some(({ status }) => status !== 'AVAILABLE'),
      );
      await yard.untilWhole('micro', 5, 2);
    });

    it('lets no second server on its state', async () => {
      const env = { SNAPYARD_PORT: '0', SNAPYARD_DB: join(yard.folder, 'other.db') };
      const state = { SNAPYARD_STATE: yard.state, SNAPYARD_POOLS: join(yard.folder, 'pools.yaml') };
      const other = spawn(process.execPath, ['bin/snapyard.js'], {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, ...env, ...state },
      });
      const said: string[] = [];
      other.stderr.setEncoding('utf8').on('data', (text: string) => void said.push(text));
      const [code] = (await once(other, 'close')) as readonly unknown[];
      expect(code).toBe(1);
      expect(said.join('')).toContain('Another control plane works on');
    });

    it('leaves nothing when its pool goes', async () => {
      await yard.send('deleteClusterPool', { name: 'micro' });
      await expect.poll(() => yard.leftovers(), { timeout: 60_000 }).toEqual([]);
      expect(yard.processes()).toEqual([]);
      expect(readFileSync(join(yard.folder, 'server.log'), 'utf8')).not.toMatch(/"level":(50|60)/);
    });
  },
);
