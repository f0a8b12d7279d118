import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { clusterRef } from '../../../kit/simulator.ts';
import { openOutside } from './outside.ts';

const ADMIN = '/etc/kubernetes/admin.conf';

test('what the user of a guest wrote into its kubeconfig is not told to others', async () => {
  const outside = await openOutside();
  try {
    const ref = clusterRef('a');
    const { provider } = outside;
    await outside.done(provider.ensureCluster(ref, { kind: 'IMAGE' }, outside.step(1)));
    const inGuest = (argv: readonly string[], stdin = '') => {
      const { signal } = new AbortController();
      const vm = { cluster: ref, role: 'CONTROL_PLANE' } as const;
      return outside.done(provider.run(vm, argv, { stdin, signal }));
    };
    const give = () => outside.done(provider.access(ref, 'ssh-ed25519 AAAA', outside.step(2)));
    const before = await give();
    const own = (await inGuest(['sudo', 'cat', ADMIN])).stdout;
    const login = '  user:\n    exec: {apiVersion: v1, command: evil}\n';
    await inGuest(['sudo', 'tee', ADMIN], own.replace('  user:\n', login));
    const { kubeconfig } = await give();
    expect(kubeconfig).toBe(before.kubeconfig);
    expect(parse(kubeconfig ?? '')).toMatchObject({
      users: [{ name: 'admin@a', user: { 'client-key-data': expect.any(String) as string } }],
    });
    await inGuest(['sudo', 'tee', ADMIN], 'clusters: *nobody\n');
    const told: unknown = await give().catch((error: unknown) => error);
    expect(told).toMatchObject({
      name: 'ProviderError',
      retryable: true,
      reason: expect.stringMatching(/^the guest's kubeconfig cannot be used: /) as string,
    });
  } finally {
    await outside.close();
  }
});
