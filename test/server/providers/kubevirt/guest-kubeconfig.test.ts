import { describe, expect, it, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { kubeconfigFor } from '../../../../server/providers/kubevirt/guest-kubeconfig.ts';

const TO = { name: 'lab-1', server: 'https://10.0.0.7:6443' };
const encoded = (text: string) => Buffer.from(text).toString('base64');

const textOf = (config: object) => stringify(config, { aliasDuplicateObjects: false });

/** What kubeadm writes, as far as it matters. */
const guest = () => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    {
      name: 'kubernetes',
      cluster: { 'certificate-authority-data': encoded('the CA'), server: 'https://10.9.0.1:6443' },
    },
  ],
  contexts: [{ name: 'k', context: { cluster: 'kubernetes', user: 'kubernetes-admin' } }],
  'current-context': 'k',
  preferences: {},
  users: [
    {
      name: 'kubernetes-admin',
      user: {
        'client-certificate-data': encoded('the certificate'),
        'client-key-data': encoded('the key'),
      } as Record<string, unknown>,
    },
  ],
});

describe('the kubeconfig of a guest', () => {
  it('leads to where the guest is seen from outside', () => {
    expect(parse(kubeconfigFor(TO, textOf(guest())))).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'lab-1',
          cluster: {
            server: TO.server,
            'tls-server-name': 'kubernetes',
            'certificate-authority-data': encoded('the CA'),
          },
        },
      ],
      users: [
        {
          name: 'admin@lab-1',
          user: {
            'client-certificate-data': encoded('the certificate'),
            'client-key-data': encoded('the key'),
          },
        },
      ],
      contexts: [{ name: 'admin@lab-1', context: { cluster: 'lab-1', user: 'admin@lab-1' } }],
      'current-context': 'admin@lab-1',
    });
  });

  it('brings nothing else with it that a reader of it would run, ask or trust', () => {
    const own = guest();
    const [user] = own.users;
    const more = {
      exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'evil' },
      'auth-provider': { name: 'evil' },
      tokenFile: '/etc/evil',
      'as-user-extra': { evil: ['evil'] },
    };
    Object.assign(user?.user ?? {}, more);
    Object.assign(own.clusters[0]?.cluster ?? {}, {
      'proxy-url': 'http://evil',
      'insecure-skip-tls-verify': true,
    });
    own.users.unshift({ name: 'evil', user: { ...user?.user } });
    const made = kubeconfigFor(TO, textOf(own));
    expect(made).not.toMatch(/evil|insecure|exec/);
    expect(made).toBe(kubeconfigFor(TO, textOf(guest())));
  });

  const [cluster, user] = [() => guest().clusters[0], () => guest().users[0]];
  const huge = { ...guest(), clusters: [{ ...cluster(), name: 'x'.repeat(20_000) }] };
  const login = { exec: { command: 'evil' } };
  const without = { ...guest(), users: [{ ...user(), user: login }] };
  const key = { ...user()?.user, 'client-key-data': 'no base64: evil\n' };
  const odd = { ...guest(), users: [{ ...user(), user: key }] };
  const nowhere = { ...guest(), 'current-context': 'elsewhere' };
  test.each([
    ['empty', '', /it is not as it should be$/],
    ['no YAML', 'evil: [', /it is no YAML/],
    ['with an alias of nothing', 'clusters: *evil\n', /has aliases/],
    ['with aliases', 'a: &a [1]\nb: *a\n', /has aliases/],
    ['very deep', '['.repeat(16_000), /it is no YAML|cannot be read/],
    ['too long', textOf(huge), /longer than/],
    ['without a key', textOf(without), /the user of .* at client-certificate-data$/],
    ['with a key that is none', textOf(odd), /the user of .* at client-key-data$/],
    ['that leads nowhere', textOf(nowhere), /the cluster of its context is not/],
  ])('%s is said to be of no use, and not quoted', (_, text, why) => {
    let told: unknown;
    try {
      kubeconfigFor(TO, text);
    } catch (error) {
      told = error;
    }
    expect(told).toMatchObject({ name: 'ProviderError', retryable: true });
    expect(String(told)).toMatch(/the guest's kubeconfig cannot be used: /);
    expect(String(told)).toMatch(why);
    expect(String(told)).not.toContain('evil');
  });
});
