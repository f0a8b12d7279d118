import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readConfig } from '../../../../server/config.ts';
import { kubevirtAvailability } from '../../../../server/providers/kubevirt/availability.ts';

const folder = mkdtempSync(join(tmpdir(), 'snapyard-account-'));
const there = join(folder, 'config');
const missing = join(folder, 'nothing');
writeFileSync(there, 'apiVersion: v1');
afterAll(() => rmSync(folder, { recursive: true }));

describe('the account of a Kubernetes cluster', () => {
  test.each([
    [{ named: there, usual: [], inCluster: false }, there],
    [{ named: undefined, usual: [missing, there], inCluster: true }, there],
    [{ named: undefined, usual: [missing], inCluster: true }, 'the account of this pod'],
  ])('in %j is %s', (places, account) => {
    expect(kubevirtAvailability(places, there)).toEqual({ available: true, account });
  });

  test('is none where there is none', () => {
    const places = { named: undefined, usual: [missing], inCluster: false };
    expect(kubevirtAvailability(places, there)).toEqual({ available: false });
    expect(kubevirtAvailability({ ...places, inCluster: true }, missing)).toMatchObject({
      available: false,
    });
  });

  test('is never another than the one that was named', () => {
    const places = { named: missing, usual: [there], inCluster: true };
    expect(() => kubevirtAvailability(places, there)).toThrow(/ENOENT/);
  });
});

describe('the settings of it', () => {
  const read = (env: Record<string, string>) => readConfig(env).kubevirt;

  test('are found where other tools find them', () => {
    expect(read({ HOME: '/home/a' }).access).toEqual({
      named: undefined,
      usual: ['/home/a/.kube/config'],
      inCluster: false,
    });
    expect(read({ HOME: '/home/a', KUBECONFIG: '/x:/y' }).access.usual).toEqual(['/x', '/y']);
    const ours = read({ SNAPYARD_KUBECONFIG: '/z', KUBERNETES_SERVICE_HOST: '10.0.0.1' });
    expect(ours.access).toEqual({ named: '/z', usual: [], inCluster: true });
    expect(ours.settings.kubeconfig).toBe('/z');
  });

  test('leave to the provider what they do not say', () => {
    expect(Object.keys(read({}).settings)).not.toContain('image');
    expect(read({ SNAPYARD_KUBE_IMAGE: 'vm-templates/golden' }).settings).toMatchObject({
      image: 'vm-templates/golden',
    });
  });

  test.each([
    ['SNAPYARD_KUBE_IMAGE', 'golden'],
    ['SNAPYARD_KUBE_IMAGE', 'ftp://example.org/golden'],
    ['SNAPYARD_KUBE_STORAGE_CLASS', 'Fast!'],
    ['SNAPYARD_KUBE_SSH_USER', 'a b'],
    ['SNAPYARD_KUBE_SSH_USER', 'root'],
    ['SNAPYARD_KUBE_SNAPSHOT_API', 'v1'],
  ])('are refused by their name: %s=%s', (name, value) => {
    expect(() => readConfig({ [name]: value })).toThrow(new RegExp(`^${name} is`));
  });
});
