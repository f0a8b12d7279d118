import { expect, test } from 'vitest';
import { cleanGuests } from '../../../../server/providers/kubevirt/clean-up.ts';
import type { Host } from '../../../../server/providers/kubevirt/host.ts';
import { VMS } from '../../../../server/providers/kubevirt/objects.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from '../../../../server/providers/kubevirt/settings.ts';
import { ProviderError } from '../../../../server/providers/provider.ts';
import { stepOf } from '../../../kit/simulator.ts';
import { virtualWorld } from '../../../kit/virtual-world.ts';

/** What is cleaned, in order; the words stand for the commands. */
const ORDER = [
  /^sudo journalctl --rotate --vacuum-time/,
  /^sudo find \/var\/log .* truncate/,
  /^sudo find \/tmp .*-delete/,
  /^sudo find \/var\/tmp .*-delete/,
  /^sudo rm .*\.bash_history/,
  /^sudo rm .*\.kube\/cache/,
  /^sudo kubectl .*delete pods/,
  /^sudo kubectl .*delete pvc/,
];

test('eight commands in each of both guests, in order; what fails is logged only', async () => {
  const world = virtualWorld({ seed: 1 });
  const ran = new Map<string, string[]>([
    ['cp', []],
    ['wk', []],
  ]);
  const lines: string[] = [];
  const guests: Pick<Host['guests'], 'run'> = {
    run: async ({ name }, argv, { signal }) => {
      const command = argv.join(' ');
      ran.get(name)?.push(command);
      if (name === 'wk' && command.includes('/var/log')) await world.sleep(3_600_000, signal);
      if (name === 'wk' && command.includes('/var/tmp')) {
        throw new ProviderError('the guest is silent', { retryable: true });
      }
      const exitCode = name === 'wk' && command.includes('kubectl') ? 1 : 0;
      return { exitCode, stdout: '', stderr: 'no such file' };
    },
  };
  const host = {
    world,
    guests,
    settings: DEFAULT_KUBEVIRT_SETTINGS,
    log: (line: string) => void lines.push(line),
  };
  const machines = ['cp', 'wk'].map((name) => {
    const metadata = { name, namespace: 'vm-templates', uid: name, resourceVersion: '1' };
    return { vm: VMS.schema.parse({ metadata, spec: {} }) };
  });
  await world.finish(cleanGuests(host, machines, stepOf(1)), { withinMs: 600_000 });
  for (const commands of ran.values()) {
    expect(commands).toHaveLength(ORDER.length);
    for (const [place, like] of ORDER.entries()) expect(commands[place]).toMatch(like);
  }
  expect(lines).toHaveLength(4);
  expect(lines.every((line) => line.startsWith('cleaning wk: sudo '))).toBe(true);
});
