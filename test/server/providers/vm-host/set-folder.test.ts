import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeFolders } from '../../../../server/providers/vm-host/folders.ts';
import type { Host } from '../../../../server/providers/vm-host/host.ts';
import { inventory } from '../../../../server/providers/vm-host/inventory.ts';
import { proveSets } from '../../../../server/providers/vm-host/prove-sets.ts';
import {
  beginDraft,
  publishDraft,
  removeSet,
  setObject,
} from '../../../../server/providers/vm-host/set-draft.ts';
import { MemoryProofs, readSet } from '../../../../server/providers/vm-host/set-store.ts';
import { realWorld } from '../../../../server/world.ts';
import { microSet } from '../../../kit/qemu.ts';
import { stepOf } from '../../../kit/simulator.ts';

const SET = microSet(1);
const STEP = stepOf(1);
const { installation } = STEP;

/** Folders of a host whose sets lie elsewhere, as IRONCLAW_SNAPSHOT_PATH says, and what it logs. */
function hostWithSetsElsewhere() {
  const folder = mkdtempSync(join(tmpdir(), 'sets-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const elsewhere = join(folder, 'elsewhere');
  const folders = makeFolders(join(folder, 'state'), elsewhere);
  const log: string[] = [];
  // Only what deals with folders is asked for here: no VM is started.
  const parts: Partial<Host> = { world: realWorld(), folders, log: (line) => void log.push(line) };
  const host = { ...parts, hypervisor: { kind: 'QEMU', version: '10' } } as Host;
  return { host, elsewhere, log, state: join(folder, 'state') };
}

test('sets are made, found, listed and removed where the settings say', async () => {
  const { host, elsewhere, state } = hostWithSetsElsewhere();
  const begun = await beginDraft(host, SET, 'base@1', STEP);
  expect(readdirSync(elsewhere)).toEqual([`.new-${SET.id}`]);
  await publishDraft(host, begun, [], STEP);
  expect(readdirSync(elsewhere)).toEqual([SET.id]);
  expect(readSet(host.folders, SET.id)).toMatchObject({ image: 'base@1', hypervisor: 'QEMU 10' });
  expect(inventory(host, installation)).toEqual([setObject(SET)]);
  await removeSet(host, setObject(SET), STEP);
  expect(readdirSync(elsewhere)).toEqual([]);
  expect(readdirSync(state)).toEqual(['vms']);
});

test('what describes a set and cannot be read is passed over, and told', async () => {
  const { host, elsewhere, log } = hostWithSetsElsewhere();
  await publishDraft(host, await beginDraft(host, SET, 'base@1', STEP), [], STEP);
  for (const [name, text] of [
    ['torn', '{"format":1,"instal'],
    ['foreign', '{"format":7}'],
  ] as const) {
    mkdirSync(join(elsewhere, name));
    writeFileSync(join(elsewhere, name, 'manifest.json'), text);
  }
  expect(inventory(host, undefined)).toEqual([setObject(SET)]);
  await proveSets(host, new MemoryProofs(), () => false);
  expect(log.toSorted()).toEqual(
    ['foreign', 'torn'].map(
      (name) => `${join(elsewhere, name, 'manifest.json')} describes no set of ours`,
    ),
  );
});
