import { expect, test } from 'vitest';
import { fileNames, isWebAddress, sshLines, type WaysIn } from '../../client/dashboard/ways-in.ts';

function ways(endpoints: WaysIn['access']['endpoints'], sshUser: string | null = 'ada'): WaysIn {
  return {
    vms: [
      { id: '1', name: 'cp-cluster1', ipAddress: '10.0.0.1' },
      { id: '2', name: 'wk-cluster1', ipAddress: null },
    ],
    access: { kubeconfig: null, sshUser, sshPrivateKey: 'key', endpoints },
  };
}

function endpoint(id: string, url: string, name = 'ssh') {
  return { name, url, vm: { id, name: `vm ${id}` } };
}

function lines(of: WaysIn): string[] {
  return sshLines(of, 'key-1').map(({ line }) => line);
}

test('a VM is reached at its address; one without any is left out', () => {
  expect(lines(ways([]))).toEqual(['ssh -i key-1 ada@10.0.0.1']);
});

test('an endpoint says where the SSH server listens', () => {
  const told = [endpoint('1', 'https://10.0.0.1:6443', 'kubernetes'), endpoint('1', 'ssh://h:22')];
  expect(lines(ways(told))).toEqual(['ssh -i key-1 ada@h']);
  const forwarded = [endpoint('2', 'ssh://root@127.0.0.1:2201'), endpoint('1', 'ssh://[fd00::1]')];
  expect(lines(ways(forwarded))).toEqual([
    'ssh -i key-1 ada@fd00::1',
    'ssh -i key-1 -p 2201 ada@127.0.0.1',
  ]);
});

test('what is no plain address does not get into a line for a shell', () => {
  expect(lines(ways([endpoint('2', 'ssh://a;reboot:22'), endpoint('2', 'ssh://$(x)')]))).toEqual([
    'ssh -i key-1 ada@10.0.0.1',
  ]);
});

test('without a user there is no SSH', () => {
  expect(lines(ways([endpoint('1', 'ssh://h:22')], null))).toEqual([]);
});

test('files are named after the cluster, and only addresses of the web are linked', () => {
  expect(fileNames('cluster1')).toEqual({
    kubeconfig: 'kubeconfig-cluster1.yaml',
    key: 'key-cluster1',
  });
  expect(isWebAddress('https://a:6443')).toBe(true);
  expect(isWebAddress('javascript:alert(1)')).toBe(false);
});
