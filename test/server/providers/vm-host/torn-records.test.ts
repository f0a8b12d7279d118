import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeFolders, vmFiles } from '../../../../server/providers/vm-host/folders.ts';
import { removeTorn } from '../../../../server/providers/vm-host/torn-records.ts';
import { newRecord, writeRecord } from '../../../../server/providers/vm-host/vm-record.ts';
import { realWorld } from '../../../../server/world.ts';

test('of records that a power loss has torn, those go whose VMs are gone with it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'torn-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const folders = makeFolders(folder, undefined);
  const owner = { kind: 'CLUSTER', id: 'c', name: 'c', poolId: 'p' } as const;
  const of = { installation: 'i', fence: 1, owner, role: 'STANDALONE', setId: null } as const;
  const whole = {
    ...of,
    name: 'vm-whole',
    uuid: 'u',
    origin: 'COLD_BOOT',
    machineId: 'm',
  } as const;
  for (const name of ['vm-whole', 'vm-torn', 'vm-empty', 'vm-served']) {
    mkdirSync(vmFiles(folders, name).folder);
  }
  writeRecord(folders, newRecord(whole));
  writeFileSync(vmFiles(folders, 'vm-torn').record, '');
  // A socket whose process has ended is left behind, as a file that nobody answers at.
  writeFileSync(vmFiles(folders, 'vm-torn').control, '');
  writeFileSync(vmFiles(folders, 'vm-served').record, '\0\0\0');
  const server = createServer().listen(vmFiles(folders, 'vm-served').control);
  await once(server, 'listening');
  const told: string[] = [];
  await removeTorn(realWorld(), folders, (line) => void told.push(line));
  server.close();
  await once(server, 'close');
  expect(readdirSync(folders.vms).toSorted()).toEqual(['vm-served', 'vm-whole']);
  expect(told.filter((line) => line.includes('it is removed'))).toHaveLength(2);
  expect(told.filter((line) => line.includes('left alone'))).toHaveLength(1);
});
