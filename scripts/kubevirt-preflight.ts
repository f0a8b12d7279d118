/**
 * Tells whether pools of KubeVirt clusters can work on the cluster that the settings name, what is
 * missing for that, and how to mend it. Changes nothing there.
 *
 *   npm run kubevirt:preflight
 *   npm run kubevirt:preflight -- --json
 *
 * Ends with 0 when a pool can work, with 1 when not.
 */
import { parseArgs } from 'node:util';
import { ConfigurationError, readConfig } from '../server/config.ts';
import { connectKubernetes } from '../server/providers/kubevirt/client.ts';
import { preflight, unreachable } from '../server/providers/kubevirt/preflight.ts';
import { tableOf, type Preflight } from '../server/providers/kubevirt/preflight-report.ts';
import {
  DEFAULT_KUBEVIRT_SETTINGS,
  type KubevirtSettings,
} from '../server/providers/kubevirt/settings.ts';
import { realWorld } from '../server/world.ts';

const WITHIN_MS = 120_000;

async function look(settings: KubevirtSettings): Promise<Preflight> {
  try {
    const kubernetes = connectKubernetes({
      world: realWorld(),
      settings,
      log: (line) => console.error(line),
    });
    try {
      return await preflight(kubernetes, settings, AbortSignal.timeout(WITHIN_MS));
    } finally {
      await kubernetes.close();
    }
  } catch (error) {
    return unreachable(error);
  }
}

async function run(): Promise<void> {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
  const settings = { ...DEFAULT_KUBEVIRT_SETTINGS, ...readConfig().kubevirt.settings };
  const answer = await look(settings);
  if (values.json) console.log(JSON.stringify(answer, null, 2));
  else for (const line of tableOf(answer)) console.log(line);
  process.exitCode = answer.works ? 0 : 1;
}

try {
  await run();
} catch (error) {
  const isExpected = error instanceof ConfigurationError || error instanceof TypeError;
  if (!isExpected) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
