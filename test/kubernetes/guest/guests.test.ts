import type { Duplex } from 'node:stream';
import { gzipSync } from 'node:zlib';
import ssh2 from 'ssh2';
import { afterEach, expect, test } from 'vitest';
import { guestKit, KEY, userData, type GuestKit } from './guest-kit.ts';
import { guestOsInfo } from './os-info.ts';
import { makeSshKey } from './ssh-key.ts';

let kit: GuestKit;
const begin = (seed = 1) => (kit = guestKit(seed));
afterEach(() => kit.close());

const SSH_PROBE = { tcpSocket: { port: 22 } };
const IDENTITY = 'cat /etc/machine-id /etc/ssh/ssh_host_ed25519_key.pub';

test('a guest takes SSH 20 to 60 s after it was switched on, and before that refuses', async () => {
  const { world, guests, start, untilUp, run } = begin();
  const machine = start('cluster1', 'cp', userData());
  await world.advance(19_000);
  expect(guests.connect(machine.uid, 22)).toBeUndefined();
  await untilUp(machine);
  expect(world.elapsed()).toBeLessThan(61_000);
  expect(await run(machine, 'whoami')).toEqual({ out: 'suporte\n', err: '', status: 0 });
});

test('an empty disk never boots', async () => {
  const { world, disks, guests, start } = begin();
  disks.write('empty', { kind: 'EMPTY' });
  const machine = start('cluster1', 'cp', userData(), 'empty');
  await world.advance(3_600_000);
  expect(guests.probe(machine.uid, SSH_PROBE)).toBe(false);
  expect(kit.log).toContain('cluster1/cp: there is nothing to boot from');
});

test('cloud-init: files, in plain text and packed, with their rights', async () => {
  const { start, untilDone, run } = begin();
  const packed = gzipSync('packed\n').toString('base64');
  const machine = start(
    'cluster1',
    'cp',
    userData(`
write_files:
  - {path: /etc/a, content: "plain\\n", permissions: "0600"}
  - {path: /etc/b, content: ${Buffer.from('coded\n').toString('base64')}, encoding: b64}
  - {path: /etc/c, content: "${packed}", encoding: gzip+b64}
`),
  );
  await untilDone(machine);
  expect((await run(machine, 'sudo cat /etc/a; cat /etc/b /etc/c')).out).toBe(
    'plain\ncoded\npacked\n',
  );
  expect((await run(machine, 'cat /etc/a')).err).toBe('cat: /etc/a: Permission denied\n');
});

test('cloud-init: commands run at each boot, and once for each instance', async () => {
  const { start, guests, untilDone, run } = begin();
  const data = userData(`
hostname: one
bootcmd: ["echo boot >> /var/log/ran"]
runcmd: ["echo 'run by' $(whoami) >> /var/log/ran", [sh, -c, 'echo "$1" >> /var/log/ran', sh, it's]]
`);
  const first = start('cluster1', 'cp', data);
  await untilDone(first);
  const ran = (await run(first, 'cat /var/log/ran')).out;
  expect(ran).toBe("boot\nrun by root\nit's\n");
  guests.stop(first.uid);
  const again = start('cluster1', 'cp', data);
  await untilDone(again);
  expect((await run(again, 'cat /var/log/ran')).out).toBe(`${ran}boot\n`);
  guests.stop(again.uid);
  const renamed = start('cluster1', 'cp2', data, 'disk-of-cluster1-cp');
  await untilDone(renamed);
  expect((await run(renamed, 'cat /var/log/ran')).out).toBe(`${ran}boot\n${ran}`);
});

test('identity: a clone has new host keys, but the machine-id that is on its disk', async () => {
  const { start, untilDone, run, disks, guests } = begin();
  const cp = start('cluster1', 'cp', userData());
  await untilDone(cp);
  const before = (await run(cp, IDENTITY)).out.split('\n');
  expect(before[0]).toMatch(/^[0-9a-f]{32}$/);
  guests.stop(cp.uid);
  const again = start('cluster1', 'cp', userData());
  await untilDone(again);
  expect((await run(again, IDENTITY)).out.split('\n')).toEqual(before);
  disks.write('copy', { kind: 'COPY', of: 'disk-of-cluster1-cp' });
  disks.write('shared', { kind: 'COPY', of: 'disk-of-cluster1-cp' });
  const clone = start('cluster2', 'cp', userData(), 'copy');
  const shared = start('cluster3', 'cp', userData('ssh_deletekeys: false'), 'shared');
  await untilDone(clone);
  await untilDone(shared);
  const after = (await run(clone, IDENTITY)).out.split('\n');
  expect([after[0], after[1] === before[1]]).toEqual([before[0], false]);
  expect((await run(shared, IDENTITY)).out.split('\n')).toEqual(before);
});

test('cloud-init: user data that cannot be read leaves a guest nobody can enter', async () => {
  const { start, untilUp, run } = begin();
  const machine = start('cluster1', 'cp', '#cloud-config\nusers: {');
  await untilUp(machine);
  await expect(run(machine, 'true')).rejects.toThrow('authentication methods failed');
  expect(kit.log).toContain('cluster1/cp: user data is unusable');
});

test('cloud-init: an unreadable script still does what it says of kubeadm', async () => {
  const { start, untilDone, run } = begin();
  const script = 'select x in a; do\n  kubeadm init --token abcdef.0123456789abcdef\ndone)';
  const machine = start('cluster1', 'cp', userData(`runcmd: [${JSON.stringify(script)}]`));
  await untilDone(machine);
  expect((await run(machine, 'ls /etc/kubernetes')).out).toContain('admin.conf');
});

test('a unit that was enabled runs at the next boot too, in the background', async () => {
  const { start, untilDone, untilUp, run, world } = begin();
  const unit =
    '[Service]\\nExecStart=/bin/sh -c "while true; do echo up >> /var/log/unit; sleep 5; done"';
  const machine = start(
    'cluster1',
    'cp',
    userData(`
write_files: [{path: /etc/systemd/system/tunnel.service, content: "${unit.replaceAll('"', '\\"')}"}]
runcmd: [systemctl enable --now tunnel.service]
`),
  );
  await untilDone(machine);
  expect((await run(machine, 'systemctl is-active tunnel; cat /var/log/unit')).out).toBe(
    'active\nup\n',
  );
  await run(machine, 'sudo systemctl reboot');
  await world.advance(2_000);
  await untilUp(machine);
  expect((await run(machine, 'cat /var/log/unit')).out).toBe('up\nup\n');
});

test('a reboot empties /run and /tmp, ends connections, and keeps the machine', async () => {
  const { guests, world, start, untilDone, untilUp, run } = begin();
  const changes: string[] = [];
  guests.onChange((_, what) => changes.push(what));
  const machine = start('cluster1', 'cp', userData());
  await untilDone(machine);
  await run(machine, 'sudo touch /run/x /tmp/x /var/x');
  const open = guests.connect(machine.uid, 22);
  expect((await run(machine, 'sudo reboot')).status).toBe(0);
  open?.resume();
  await world.runUntil(() => open?.closed === true, { withinMs: 5_000 });
  expect(guests.connect(machine.uid, 22)).toBeUndefined();
  expect(guests.agentConnected(machine.uid)).toBe(false);
  await untilUp(machine);
  expect((await run(machine, 'ls /run/x /tmp/x /var/x')).out).toBe('/var/x\n');
  expect(changes).not.toContain('SHUT_DOWN');
});

test('a guest that powers itself off says so', async () => {
  const { guests, world, start, untilUp, run } = begin();
  const off: string[] = [];
  guests.onChange((uid, what) => what === 'SHUT_DOWN' && off.push(uid));
  const machine = start('cluster1', 'cp', userData());
  await untilUp(machine);
  await run(machine, 'sudo poweroff');
  await world.advance(2_000);
  expect(off).toEqual([machine.uid]);
  expect(guests.connect(machine.uid, 22)).toBeUndefined();
});

test('stopping a machine ends what runs in it, and leaves no timer', async () => {
  const { guests, world, start, untilUp, run } = begin();
  const machine = start('cluster1', 'cp', userData());
  await untilUp(machine);
  world.after(5_000, () => guests.stop(machine.uid));
  await expect(run(machine, 'sleep 1000')).rejects.toThrow('closed');
  await world.settle();
  expect(world.pendingTimers()).toEqual([]);
});

test('SSH: who is not in authorized_keys is refused; a shell has a prompt', async () => {
  const { guests, world, start, untilUp } = begin();
  const machine = start('cluster1', 'cp', userData('', 'somebody'));
  await untilUp(machine);
  await expect(kit.run(machine, 'true')).rejects.toThrow('authentication methods failed');
  const client = new ssh2.Client();
  const seen: string[] = [];
  const ended = new Promise<void>((resolve, reject) => {
    client.on('error', reject);
    client.on('close', () => resolve());
    client.on('ready', () => {
      client.shell((_, channel: ssh2.ClientChannel) => {
        channel.on('data', (text: Buffer) => seen.push(text.toString()));
        channel.on('close', () => client.end());
        channel.write('hostname\r');
        channel.end('exit\r');
      });
    });
  });
  const sock = guests.connect(machine.uid, 22) as Duplex;
  client.connect({ sock, username: 'somebody', privateKey: KEY.private, readyTimeout: 0 });
  await world.finish(ended, { withinMs: 1_000 });
  expect(seen.join('')).toBe('somebody@cp:~$ hostname\r\ncp\r\nsomebody@cp:~$ ');
});

test('SSH: a public key is not enough, the signature must be by its other half', async () => {
  const { guests, world, start, untilUp } = begin();
  const machine = start('cluster1', 'cp', userData());
  await untilUp(machine);
  const key = ssh2.utils.parseKey(KEY.private);
  const other = ssh2.utils.parseKey(makeSshKey().private);
  if (key instanceof Error || other instanceof Error) throw new Error('a key cannot be read');
  key.sign = (data) => other.sign(data);
  const client = new ssh2.Client();
  const refused = new Promise((resolve, reject) => {
    client.on('error', resolve);
    client.on('ready', () => {
      client.end();
      reject(new Error('it was let in'));
    });
  });
  client.connect({
    sock: guests.connect(machine.uid, 22) as Duplex,
    username: 'suporte',
    readyTimeout: 0,
    // A key that was read before is taken as it is, which its type does not say.
    authHandler: [{ type: 'publickey', username: 'suporte', key } as never],
  });
  expect(String(await world.finish(refused, { withinMs: 1_000 }))).toContain('authentication');
});

test('the serial console shows the boot, a prompt, and what is typed', async () => {
  const { guests, world, start, untilUp } = begin();
  const machine = start('cluster1', 'cp', userData());
  let seen = '';
  const viewer = guests.console(machine.uid);
  viewer.on('data', (text: Buffer) => (seen += text.toString()));
  await untilUp(machine);
  await world.settle();
  expect(seen).toMatch(/^SeaBIOS.*\r\nLinux version.*\r\ncp login: \r\n/);
  viewer.write('root\r');
  await world.settle();
  expect(seen.endsWith('root\r\ncp login: ')).toBe(true);
  guests.stop(machine.uid);
  await world.runUntil(() => viewer.closed, { withinMs: 1_000 });
});

test('probes: ports, the agent, and commands that run in the guest', async () => {
  const { guests, world, start, untilDone, run } = begin();
  const machine = start('cluster1', 'cp', userData());
  const exec = { exec: { command: ['test', '-e', '/tmp/ready'] } };
  const holds = (probe: unknown) => guests.probe(machine.uid, probe);
  expect([holds(SSH_PROBE), holds({ guestAgentPing: {} }), holds(exec)]).toEqual([
    false,
    false,
    false,
  ]);
  await untilDone(machine);
  await world.advance(11_000);
  expect([holds(SSH_PROBE), holds({ guestAgentPing: {} }), holds(exec)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(holds({ httpGet: { port: 80 } })).toBe(false);
  await run(machine, 'touch /tmp/ready');
  const changes: string[] = [];
  guests.onChange((_, what) => changes.push(what));
  holds(exec);
  await world.settle();
  expect([holds(exec), changes]).toEqual([true, ['CHANGED']]);
  expect(guests.agentConnected(machine.uid)).toBe(true);
});

test('mishaps: a silent guest, refused connections, no agent, a slow boot', async () => {
  const { guests, mishaps, world, start, untilUp, run } = begin();
  for (const name of ['guest-silent', 'no-agent', 'slow-boot']) mishaps.set(`${name} a/cp`, 1);
  mishaps.set('ssh-refused b/cp', 1);
  const silent = start('a', 'cp', userData());
  const refusing = start('b', 'cp', userData());
  await untilUp(refusing);
  expect(guests.connect(refusing.uid, 22)).toBeUndefined();
  expect((await run(refusing, 'true')).status).toBe(0);
  await world.advance(60_000);
  expect(guests.connect(silent.uid, 22)).toBeUndefined();
  await world.advance(600_000);
  const heard: unknown[] = [];
  guests.connect(silent.uid, 22)?.on('data', (text) => heard.push(text));
  await world.advance(60_000);
  expect([heard, guests.agentConnected(silent.uid)]).toEqual([[], false]);
});

test('mishaps: a power cut loses what was not synced', async () => {
  const { disks, guests, mishaps, start, untilDone, run } = begin();
  const machine = start('cluster1', 'cp', userData());
  await untilDone(machine);
  await run(
    machine,
    'sudo sh -c "echo 1 > /var/kept; sync; echo 2 > /var/lost; echo 2 > /var/kept"',
  );
  mishaps.set('power-cut cluster1/cp', 1);
  guests.stop(machine.uid);
  const files = disks.files('disk-of-cluster1-cp');
  expect([files.get('/var/kept'), files.has('/var/lost')]).toEqual(['1\n', false]);
});

test('the agent knows the system of the disk', async () => {
  const { disks, start, untilDone } = begin();
  await untilDone(start('cluster1', 'cp', userData('hostname: one')));
  expect(guestOsInfo(disks, 'disk-of-cluster1-cp')).toMatchObject({
    hostname: 'one',
    os: { id: 'ubuntu', prettyName: 'Ubuntu 22.04' },
  });
});
