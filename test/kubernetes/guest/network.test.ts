import { afterEach, expect, test } from 'vitest';
import { POD_NETWORK } from '../../../server/providers/kubevirt/guest-data/network.ts';
import { guestKit, userData, type GuestKit } from './guest-kit.ts';

let kit: GuestKit;
afterEach(() => kit.close());

const SSH_PROBE = { tcpSocket: { port: 22 } };
const BY_MAC =
  '{version: 2, ethernets: {a: {match: {macaddress: "02:00:00:00:00:01"}, dhcp4: true}}}';

/** Whether a guest takes SSH at its first start, and at its second. */
async function answersTwice(network: Parameters<GuestKit['start']>[4]): Promise<boolean[]> {
  kit = guestKit();
  const answers: boolean[] = [];
  for (let start = 1; start <= 2; start += 1) {
    const machine = kit.start('cluster1', 'cp', userData(), 'disk', network);
    await kit.world.advance(120_000);
    answers.push(kit.guests.probe(machine.uid, SSH_PROBE));
    kit.guests.stop(machine.uid);
  }
  return answers;
}

test('at each start another MAC: a guest that was told nothing has no network', async () => {
  expect(await answersTwice({})).toEqual([true, false]);
  expect(kit.log).toContain('cluster1/cp: guest finds no device of its network');
});

test('at each start another MAC: a guest bound to the first has no network', async () => {
  expect(await answersTwice({ data: BY_MAC })).toEqual([true, false]);
});

test('at each start another MAC: a guest that goes by names keeps its network', async () => {
  expect(await answersTwice({ data: POD_NETWORK })).toEqual([true, true]);
});

test('a MAC that the spec names stays, and with it the network', async () => {
  expect(await answersTwice({ mac: '02:00:00:00:00:aa' })).toEqual([true, true]);
});

test('a copy under another name is told anew, and has its network', async () => {
  kit = guestKit();
  const first = kit.start('cluster1', 'cp', userData(), 'disk', {});
  await kit.untilUp(first);
  kit.guests.stop(first.uid);
  kit.disks.write('copy', { kind: 'COPY', of: 'disk' });
  await kit.untilUp(kit.start('cluster2', 'cp', userData(), 'copy', {}));
});
