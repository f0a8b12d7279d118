import type { Duplex } from 'node:stream';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { clusterRef } from '../../../../server/outside.ts';
import { openYard, type Yard } from '../../../kit/yard.ts';

const RECALL = '\u001b[A\r';

let yard: Yard;
let line: Duplex;
let seen: string;

beforeEach(async () => {
  yard = openYard();
  onTestFinished(() => yard.close());
  await yard.addPool({ name: 'cks', size: 1 });
  yard.loops.start();
  await yard.settled('cks', 1);
  const [cluster] = yard.members('cks');
  if (cluster === undefined) throw new Error('there is no cluster');
  const vm = { cluster: yard.store.read((db) => clusterRef(db, cluster)), role: 'WORKER' } as const;
  const { signal } = new AbortController();
  line = await yard.done(yard.simulator.open(vm, 'SERIAL', signal));
  onTestFinished(() => void line.destroy());
  seen = '';
});

function read(): void {
  line.on('data', (chunk: Buffer) => void (seen += chunk.toString()));
}

const prompts = () => seen.split(':~# ').length - 1;
const until = (holds: () => boolean) => yard.world.runUntil(holds, { withinMs: 60_000 });

test('what shows a lot is worked off as far as it is read; others have their turn', async () => {
  line.write(`echo ${'x'.repeat(4_000)}\r`);
  line.write(RECALL.repeat(4_096));
  await yard.world.advance(10);
  expect(line.readableLength).toBeLessThan(128 * 1_024);
  let most = 0;
  let inTurn = 0;
  line.on('data', (chunk: Buffer) => {
    if (inTurn === 0) yard.world.soon(() => void (inTurn = 0));
    inTurn += chunk.length;
    most = Math.max(most, inTurn);
  });
  read();
  await until(() => prompts() === 4_098);
  expect(most).toBeLessThan(256 * 1_024);
});

test('it goes on after its reader had enough, however often', async () => {
  const lines = 400;
  for (let n = 0; n < lines; n += 1) line.write(`echo ${'y'.repeat(1_000)}\r`);
  await yard.world.advance(10);
  expect(line.readableLength).toBeLessThan(128 * 1_024);
  read();
  await until(() => prompts() === lines + 1);
  line.end();
  await until(() => line.readableEnded);
});

test('what is typed to a guest that is gone is lost, and the line has ended', async () => {
  read();
  let hasEnded = false;
  line.once('end', () => (hasEnded = true));
  line.once('error', (error) => expect.unreachable(error.message));
  const [cluster] = yard.members('cks');
  yard.simulator.vanish(cluster?.id ?? '');
  line.write('hostname\rls\r');
  line.write('more\r');
  await until(() => hasEnded);
});

test('what is typed into a line from before a reset is not done after it', async () => {
  read();
  let hasEnded = false;
  line.once('end', () => (hasEnded = true));
  const [cluster] = yard.members('cks');
  await yard.done(yard.as('root').resetCluster(cluster?.id ?? ''));
  await yard.settled('cks', 1);
  expect(yard.members('cks')[0]?.lastReset).not.toBeNull();
  line.write('hostname\r');
  await until(() => hasEnded);
  expect(seen).not.toContain('hostname\r\nwk-');
});

test('a line that is hung up while much is to be done is gone', async () => {
  line.write(RECALL.repeat(4_096));
  await yard.world.advance(1);
  line.destroy();
  await until(() => line.closed);
});
