import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UNTOUCHED } from '../../../../server/providers/simulator/disk.ts';
import {
  createSimulatorWorld,
  type SimulatedCluster,
  type SimulatedSet,
  type SimulatorWorld,
} from '../../../../server/providers/simulator/outside.ts';
import {
  openWorldFile,
  type WorldFile,
} from '../../../../server/providers/simulator/world-file.ts';

let folder = '';
let path = '';
const opened: WorldFile[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'snapyard-world-'));
  path = join(folder, 'deep', 'world.jsonl');
});
afterEach(() => {
  for (const file of opened.splice(0)) file.close();
  rmSync(folder, { recursive: true });
});

test('what was acknowledged is there again, without a close', () => {
  const outside = open();
  outside.change({ cluster: cluster('a', 1) });
  outside.change({ cluster: cluster('a', 2) });
  outside.change({ cluster: cluster('b', 1) });
  outside.change({ set: setOf('a') });
  outside.change({ clusterGone: 'b' });
  const again = open();
  expect(again.cluster('a')).toEqual(cluster('a', 2));
  expect(again.cluster('b')).toBeUndefined();
  expect(again.clusterNamed('name-of-a')?.id).toBe('a');
  expect(again.setsOf('a')).toEqual(['set-of-a']);
  expect(again.latest).toBe(outside.latest);
});

test('a line torn by a kill is dropped, and writing goes on after the last whole one', () => {
  open().change({ cluster: cluster('a', 1) });
  const whole = readFileSync(path, 'utf8');
  const torn = `${JSON.stringify({ cluster: cluster('a', 2) })}\n`;
  for (let length = 1; length < torn.length; length += 7) {
    writeFileSync(path, whole + torn.slice(0, length));
    const outside = open();
    expect(outside.cluster('a')).toEqual(cluster('a', 1));
    outside.change({ cluster: cluster('c', 1) });
    expect(open().cluster('c')).toEqual(cluster('c', 1));
  }
});

test('a last line of which only the end is whole is dropped too', () => {
  open().change({ cluster: cluster('a', 1) });
  appendFileSync(path, '\0\0\0\0"}}\n');
  expect(open().cluster('a')).toEqual(cluster('a', 1));
  expect(readFileSync(path, 'utf8')).not.toContain('\0');
});

test('a torn header is a file in which nothing was ever written', () => {
  open();
  const header = readFileSync(path, 'utf8');
  writeFileSync(path, header.slice(0, 5));
  expect(open().size).toBe(0);
  expect(readFileSync(path, 'utf8')).toBe(header);
});

test('damage before the end stops with the line', () => {
  const outside = open();
  outside.change({ cluster: cluster('a', 1) });
  const lines = readFileSync(path, 'utf8').split('\n');
  writeFileSync(path, [lines[0], '{"clus', lines[1], ''].join('\n'));
  expect(() => open()).toThrow(`${path}: line 2 is damaged`);
});

test('a file of something else is left alone', () => {
  open();
  writeFileSync(path, '{"name":"package"}\n{}\n');
  expect(() => open()).toThrow('is not a file of the simulator');
  expect(readFileSync(path, 'utf8')).toBe('{"name":"package"}\n{}\n');
});

test('the file is made anew when most of it is outdated, and says the same', () => {
  const outside = open();
  change(outside, 20_000);
  const lines = readFileSync(path, 'utf8').split('\n').length;
  expect(lines).toBeLessThan(1_500);
  expect(contents(open())).toEqual(contents(outside));
});

test('a kill at any time while it is made anew loses nothing', () => {
  const outside = open();
  let renewing = 0;
  let wasRenewing = false;
  for (let count = 0; count < 8_000; count += 1) {
    change(outside, 1, count);
    const isRenewing = existsSync(`${path}.renewed`);
    const justDone = wasRenewing && !isRenewing;
    wasRenewing = isRenewing;
    if (!isRenewing && !justDone) continue;
    renewing += 1;
    const copy = join(folder, 'copy.jsonl');
    writeFileSync(copy, readFileSync(path));
    expect(contents(open(copy))).toEqual(contents(outside));
  }
  expect(renewing).toBeGreaterThan(10);
});

test('disks that are alike share their content again', () => {
  const outside = open();
  const files = { '/etc/golden': 'the same for all' };
  for (const id of ['a', 'b']) {
    const made = cluster(id, 1);
    outside.change({ cluster: { ...made, vms: made.vms.map((vm) => ({ ...vm, files })) } });
  }
  const again = open();
  expect(again.cluster('a')?.vms[0]?.files).toEqual(files);
  expect(again.cluster('a')?.vms[0]?.files).toBe(again.cluster('b')?.vms[0]?.files);
});

test('after its close nothing is written', () => {
  const outside = open();
  opened.at(-1)?.close();
  expect(() => outside.change({ clusterGone: 'a' })).toThrow('closed');
});

function open(from = path): SimulatorWorld {
  const outside = createSimulatorWorld();
  opened.push(openWorldFile(from, outside));
  return outside;
}

/** Writes, overwrites and deletes so many times among a few hundred objects. */
function change(outside: SimulatorWorld, times: number, start = 0): void {
  for (let count = start; count < start + times; count += 1) {
    const id = `c${(count * 7) % 100}`;
    if (count % 11 === 0) outside.change({ clusterGone: id });
    else if (count % 5 === 0) outside.change({ set: setOf(id) });
    else if (count % 13 === 0) outside.change({ setGone: `set-of-${id}` });
    else outside.change({ cluster: cluster(id, count) });
  }
}

function contents(outside: SimulatorWorld): unknown[] {
  const all = [...outside.clusters(), ...outside.sets()];
  return all.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function cluster(id: string, fence: number): SimulatedCluster {
  return {
    id,
    name: `name-of-${id}`,
    poolId: 'pool-1',
    installation: 'installation-1',
    fence,
    at: fence,
    generation: 1,
    sourceId: null,
    reset: null,
    goneAt: null,
    vms: [
      {
        role: 'STANDALONE',
        name: `vm-${id}`,
        origin: 'COLD_BOOT',
        power: 'ON',
        disksAt: 1,
        powerAt: 2,
        answersAt: 3,
        starts: 1,
        silent: false,
        files: UNTOUCHED,
      },
    ],
  };
}

function setOf(clusterId: string): SimulatedSet {
  return {
    id: `set-of-${clusterId}`,
    name: 'set',
    poolId: 'pool-1',
    installation: 'installation-1',
    at: 1,
    clusterId,
    readyAt: 1,
    goneAt: null,
    disks: [{ role: 'STANDALONE', files: UNTOUCHED, sizeBytes: 1, k8sVersion: null }],
  };
}
