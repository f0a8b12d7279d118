import { afterEach, expect, test } from 'vitest';
import type { GuestMachine } from '../ports.ts';
import { guestKit, userData, type GuestKit } from './guest-kit.ts';

let kit: GuestKit;
const begin = (seed = 1) => (kit = guestKit(seed));
afterEach(() => kit.close());

/** As a real one would be written: a unit, waits, a configuration, a file for the join command. */
const CONTROL_PLANE = userData(`
hostname: control-plane
write_files:
  - path: /etc/kubeadm.yaml
    content: |
      apiVersion: kubeadm.k8s.io/v1beta4
      kind: InitConfiguration
      localAPIEndpoint:
        advertiseAddress: 192.168.231.1
      nodeRegistration:
        name: control-plane
  - path: /usr/local/sbin/bootstrap
    permissions: "0755"
    content: |
      #!/bin/bash
      set -euo pipefail
      until ip -4 addr show dev snapyard0 | grep -q 192.168.231.1; do sleep 2; done
      if [ ! -e /etc/kubernetes/admin.conf ]; then
        kubeadm init --config /etc/kubeadm.yaml --ignore-preflight-errors=NumCPU,Mem
      fi
      export KUBECONFIG=/etc/kubernetes/admin.conf
      kubectl taint nodes --all node-role.kubernetes.io/control-plane- || true
      for user in root suporte; do
        home=$(getent passwd "$user" | cut -d: -f6)
        [ -n "$home" ] || home=/home/$user
        mkdir -p "$home/.kube"
        cp /etc/kubernetes/admin.conf "$home/.kube/config"
        chown -R "$user:" "$home/.kube"
      done
      kubeadm token create --ttl 0 --print-join-command > /etc/kubeadm-join-command.tmp
      cd /etc
      chmod 644 kubeadm-join-command.tmp && mv kubeadm-join-command.tmp kubeadm-join-command
  - path: /etc/systemd/system/bootstrap.service
    content: |
      [Service]
      Type=oneshot
      ExecStart=/usr/local/sbin/bootstrap
runcmd:
  - systemctl daemon-reload
  - [systemctl, start, bootstrap.service]
`);

const worker = (command: string) =>
  userData(`
hostname: worker
runcmd:
  - |
    for i in $(seq 1 5); do
      ${command.trim()} && break
      sleep 10
    done
`);

const JOIN = 'cat /etc/kubeadm-join-command';
const NODES = 'kubectl get nodes --no-headers';

async function makeCluster(namespace = 'cluster1'): Promise<[GuestMachine, GuestMachine]> {
  const cp = kit.start(namespace, `cp-${namespace}`, CONTROL_PLANE);
  await kit.untilDone(cp);
  const { out } = await kit.run(cp, JOIN);
  const wk = kit.start(namespace, `wk-${namespace}`, worker(out));
  await kit.untilDone(wk);
  await kit.world.advance(10_000);
  return [cp, wk];
}

const statesOf = (text: string) =>
  text.split('\n').map((line) => line.split(/\s+/).slice(0, 2).join(' '));

test('kubeadm init makes a control plane after 2 to 5 minutes, with the join command', async () => {
  const { world, start, untilUp, untilDone, run } = begin();
  const cp = start('cluster1', 'cp', CONTROL_PLANE);
  await untilUp(cp);
  expect(await run(cp, JOIN)).toEqual({
    out: '',
    err: 'cat: /etc/kubeadm-join-command: No such file or directory\n',
    status: 1,
  });
  const from = world.elapsed();
  await untilDone(cp);
  expect(world.elapsed() - from).toBeGreaterThan(119_000);
  expect(world.elapsed() - from).toBeLessThan(301_000);
  const { out } = await run(cp, JOIN);
  const [command, proof] = out.split(' --discovery-token-ca-cert-hash ');
  expect(command).toMatch(/^kubeadm join 192\.168\.231\.1:6443 --token \w{6}\.\w{16}$/);
  expect(proof).toMatch(/^sha256:[0-9a-f]{64} \n$/);
  await world.advance(10_000);
  expect(statesOf((await run(cp, NODES)).out)).toEqual(['control-plane Ready', '']);
});

test('kubeadm join registers the worker, which is Ready some seconds later', async () => {
  begin();
  const [cp] = await makeCluster();
  expect(statesOf((await kit.run(cp, NODES)).out)).toEqual([
    'control-plane Ready',
    'worker Ready',
    '',
  ]);
});

test('kubectl shows nodes as a table, wide, as names, as JSON and by JSON path', async () => {
  begin();
  const [cp] = await makeCluster();
  const ask = async (more: string) => (await kit.run(cp, `kubectl get nodes ${more}`)).out;
  const [head, first] = (await ask('')).split('\n');
  expect(head).toMatch(/^NAME +STATUS +ROLES +AGE +VERSION$/);
  expect(first).toMatch(/^control-plane +Ready +control-plane +\d+s +v1\.33\.0$/);
  expect(await ask('-o wide')).toContain('INTERNAL-IP');
  expect(await ask('-o name')).toBe('node/control-plane\nnode/worker\n');
  const { items } = JSON.parse(await ask('-o json')) as { items: { kind: string }[] };
  expect(items.map(({ kind }) => kind)).toEqual(['Node', 'Node']);
  const ready = '{.status.conditions[?(@.type=="Ready")].status}';
  const path = `{range .items[*]}{.metadata.name}=${ready}{"\\n"}{end}`;
  expect(await ask(`-o jsonpath='${path}'`)).toBe('control-plane=True\nworker=True\n');
  expect(await ask('worker -o jsonpath={.status.nodeInfo.kubeletVersion}')).toBe('v1.33.0');
  expect((await kit.run(cp, 'kubelet --version')).out).toBe('Kubernetes v1.33.0\n');
  expect((await kit.run(cp, 'kubectl get pods -A')).out).toContain('kube-proxy-worker');
  expect(await kit.run(cp, 'kubectl get node nobody')).toMatchObject({
    err: 'Error from server (NotFound): nodes "nobody" not found\n',
    status: 1,
  });
});

test('kubectl needs a kubeconfig, and rights to read it', async () => {
  begin();
  const [cp, wk] = await makeCluster();
  expect((await kit.run(wk, NODES)).err).toMatch(
    /^The connection to the server localhost:8080 was refused/,
  );
  expect((await kit.run(cp, `sudo KUBECONFIG=/etc/kubernetes/admin.conf ${NODES}`)).status).toBe(0);
  const denied = await kit.run(cp, `kubectl --kubeconfig /etc/kubernetes/admin.conf get nodes`);
  expect(denied.err).toContain('permission denied');
});

test('a worker that is switched off is not Ready, and kubectl wait sees it come back', async () => {
  begin();
  const [cp, wk] = await makeCluster();
  kit.guests.stop(wk.uid);
  expect(statesOf((await kit.run(cp, NODES)).out)[1]).toBe('worker NotReady');
  expect(await kit.run(cp, 'kubectl wait --for=condition=Ready nodes --all --timeout=5s')).toEqual({
    out: '',
    err: 'error: timed out waiting for the condition on nodes/worker\n',
    status: 1,
  });
  kit.start('cluster1', 'wk-cluster1', worker('true'));
  const wait = await kit.run(cp, 'kubectl wait --for=condition=Ready node/worker --timeout=200s');
  expect(wait).toMatchObject({ out: 'node/worker condition met\n', status: 0 });
});

test('after a reboot of the control plane the API server needs 10 to 30 s', async () => {
  begin();
  const [cp] = await makeCluster();
  await kit.run(cp, 'sudo reboot');
  await kit.world.advance(2_000);
  await kit.untilUp(cp);
  expect((await kit.run(cp, NODES)).err).toContain('192.168.231.1:6443 was refused');
  expect(kit.guests.connect(cp.uid, 6443)).toBeUndefined();
  await kit.world.advance(31_000);
  expect(statesOf((await kit.run(cp, NODES)).out)).toEqual([
    'control-plane Ready',
    'worker Ready',
    '',
  ]);
  expect(kit.guests.connect(cp.uid, 6443)).toBeDefined();
});

test('copies of both disks in another namespace are a cluster of their own', async () => {
  const { disks, guests } = begin();
  const [cp, wk] = await makeCluster();
  for (const { uid } of [cp, wk]) guests.stop(uid);
  const clones = [cp, wk].map(({ name, volumes }) => {
    disks.snapshot(`snapshot-of-${name}`, volumes[0] ?? '');
    disks.write(`copy-of-${name}`, { kind: 'COPY', of: `snapshot-of-${name}` });
    return kit.start(
      'cluster2',
      name.replace('1', '2'),
      userData(`hostname: ${name === cp.name ? 'control-plane' : 'worker'}`),
      `copy-of-${name}`,
    );
  });
  const [clone] = clones;
  if (clone === undefined) throw new Error('there is no clone');
  await kit.untilDone(clone);
  await kit.world.advance(90_000);
  expect(statesOf((await kit.run(clone, NODES)).out)).toEqual([
    'control-plane Ready',
    'worker Ready',
    '',
  ]);
});

test('the worker of another cluster is not the worker of this one', async () => {
  const { guests } = begin();
  const [cp, wk] = await makeCluster('cluster1');
  await makeCluster('cluster2');
  guests.stop(wk.uid);
  kit.start('cluster1', 'wk-cluster1', worker('true'), 'disk-of-cluster2-wk-cluster2');
  await kit.world.advance(120_000);
  const { out } = await kit.run(cp, NODES);
  expect(statesOf(out)).toEqual(['control-plane Ready', 'worker NotReady', '']);
});

test('kubeadm join fails after 5 minutes where there is no control plane', async () => {
  const { world, start, untilUp, run } = begin();
  const wk = start('cluster1', 'wk', userData());
  await untilUp(wk);
  const from = world.elapsed();
  const { status, err } = await run(
    wk,
    'sudo kubeadm join 192.168.231.1:6443 --token abcdef.0123456789abcdef',
  );
  expect([status, world.elapsed() - from]).toEqual([1, 300_000]);
  expect(err).toContain('failed to request the cluster-info ConfigMap');
});

test('kubeadm join fails with a wrong token and with a wrong certificate', async () => {
  const { start, untilDone, untilUp, run } = begin();
  const cp = start('cluster1', 'cp', CONTROL_PLANE);
  const wk = start('cluster1', 'wk', userData());
  await untilDone(cp);
  await untilUp(wk);
  const { out } = await run(cp, JOIN);
  const wrongToken = await run(
    wk,
    `sudo ${out.replace(/--token \S+/, '--token abcdef.0123456789abcdef')}`,
  );
  expect(wrongToken.err).toContain('could not find a JWS signature');
  const wrongHash = await run(wk, `sudo ${out.replace(/sha256:\w+/, 'sha256:00')}`);
  expect(wrongHash.err).toContain('none of the public keys');
  const elsewhere = start('cluster2', 'wk', userData());
  await untilUp(elsewhere);
  expect((await run(elsewhere, `sudo ${out}`)).err).toContain('context deadline exceeded');
});

test('kubeadm refuses to do its work twice', async () => {
  begin();
  const [cp, wk] = await makeCluster();
  expect((await kit.run(cp, 'sudo kubeadm init')).err).toContain(
    'kube-apiserver.yaml already exists',
  );
  const again = await kit.run(wk, `sudo ${(await kit.run(cp, JOIN)).out}`);
  expect(again.err).toContain('/etc/kubernetes/kubelet.conf already exists');
});

test('mishaps: kubeadm fails, a join fails, a node is never Ready', async () => {
  const { mishaps, start, untilDone, run, world } = begin();
  mishaps.set('kubeadm-fails cluster1/cp', 1);
  const failed = start('cluster1', 'cp', CONTROL_PLANE);
  await untilDone(failed);
  expect((await run(failed, JOIN)).status).toBe(1);
  expect(kit.log).toContain('cluster1/cp: kubeadm init fails');
  const cp = start('cluster2', 'cp', CONTROL_PLANE);
  await untilDone(cp);
  mishaps.set('join-fails cluster2/wk', 1);
  mishaps.set('node-not-ready cluster2/wk', 1);
  const wk = start('cluster2', 'wk', worker((await run(cp, JOIN)).out));
  await untilDone(wk);
  expect(kit.log).toContain('cluster2/wk: kubeadm join fails');
  await world.advance(60_000);
  expect(statesOf((await run(cp, NODES)).out)).toEqual([
    'control-plane Ready',
    'worker NotReady',
    '',
  ]);
});
