import { z } from 'zod';
import { about } from './calls.ts';
import { failed } from './errors.ts';
import type { Host } from './host.ts';

const PATH = '/apis/subresources.kubevirt.io/v1/version';
const answer = z.object({ gitVersion: z.string() });

/** Builds between releases call themselves 0.0: they know what the newest release knows. */
const NEWEST = { major: 1, minor: 99 };

/** Asks KubeVirt for its version, which also proves that it is there and answers. */
export function readVersion(
  host: Pick<Host, 'kubernetes'>,
  signal: AbortSignal,
): Promise<Host['version']> {
  return about(host, { name: 'kubevirt' }, 'asking KubeVirt for its version', signal, async () => {
    const { data } = answer.safeParse(await host.kubernetes.call('GET', PATH, { signal }));
    const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(data?.gitVersion ?? '') ?? [];
    if (major === undefined || minor === undefined) {
      throw failed('KubeVirt does not say which version it is');
    }
    return major === '0' ? NEWEST : { major: Number(major), minor: Number(minor) };
  });
}
