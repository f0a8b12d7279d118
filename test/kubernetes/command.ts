/**
 * A Kubernetes with KubeVirt for a person to try things on: the API server, the controllers, the
 * storage and the guests, all simulated in this process. It stops on Ctrl-C.
 *
 *   npm run kubevirt:simulator -- --kubeconfig data/kubeconfig
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fastWorld } from './fast-world.ts';
import { openKubernetesSimulator } from './simulator.ts';

const HELP = `usage: npm run kubevirt:simulator -- [--kubeconfig FILE] [--port 8001] [--speed 1]
                                     [--seed 1] [--kubevirt 1.9]

  --kubeconfig FILE  writes a kubeconfig that leads here
  --port N           the port on 127.0.0.1; 0 for any that is free
  --speed N          time in the simulator runs N times faster
  --seed N           which durations and chances are drawn
  --kubevirt X.Y     the release of KubeVirt that is imitated, 1.3 to 1.9

While it runs, it can be disturbed, with JSON bodies:
  POST /simulator/faults       {"verb":"create","kind":"VirtualMachine","name":"cp-*","times":2,
                               "does":"ANSWER","status":503}
                               does: ANSWER RESET HANG WEBHOOK_DOWN SILENT EXPIRE
                               when: BEFORE (without effect) or AFTER (the answer is lost)
                               also namespace, skip, chance, reason, message, retryAfterSeconds;
                               times 0 is always
  POST /simulator/mishaps      {"name":"restore-hangs","namespace":"*","object":"cp-*","times":1}
                               or label an object simulator.snapyard.io/mishap=restore-hangs
  DELETE /simulator/faults, DELETE /simulator/mishaps     take all back
  POST /simulator/watches/end  {"kind":"VirtualMachine","how":"CLOSE"}; how: CLOSE RESET EXPIRE
  POST /simulator/forget       makes all resource versions so far too old
  POST /simulator/gone         {"ms":5000}: every connection is reset for so long
  GET /simulator/log           what happened, with the time in the simulator`;

interface Wanted {
  readonly kubeconfig: string | undefined;
  readonly port: number;
  readonly speed: number;
  readonly seed: number;
  readonly kubevirt: { readonly major: number; readonly minor: number };
}

function readArguments(): Wanted | undefined {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      kubeconfig: text,
      port: text,
      speed: text,
      seed: text,
      kubevirt: text,
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) return undefined;
  const [, major, minor] = /^(\d+)\.(\d+)$/.exec(values.kubevirt ?? '1.9') ?? [];
  const number = (name: 'port' | 'speed' | 'seed', otherwise: number) => {
    const given = Number(values[name] ?? otherwise);
    if (!(given >= 0)) throw new Error(`--${name} must be a number`);
    return given;
  };
  if (major !== '1' || Number(minor) < 3 || Number(minor) > 9) {
    throw new Error('--kubevirt must be from 1.3 to 1.9');
  }
  const speed = number('speed', 1);
  if (speed === 0) throw new Error('--speed must be above 0');
  return {
    kubeconfig: values.kubeconfig,
    port: number('port', 8001),
    speed,
    seed: number('seed', 1),
    kubevirt: { major: 1, minor: Number(minor) },
  };
}

async function run(): Promise<void> {
  const wanted = readArguments();
  if (wanted === undefined) return console.log(HELP);
  const { kubeconfig, port, speed, seed, kubevirt } = wanted;
  const world = fastWorld(speed);
  const simulator = await openKubernetesSimulator({ world, port, seed, kubevirt });
  if (kubeconfig !== undefined) writeFileSync(kubeconfig, simulator.kubeconfig());
  const release = `KubeVirt ${kubevirt.major}.${kubevirt.minor}`;
  const where = `http://127.0.0.1:${simulator.port}`;
  console.log(`A simulated Kubernetes with ${release} is ready: ${where} (speed ${speed})`);
  const stop = () => void simulator.close();
  process.once('SIGINT', stop).once('SIGTERM', stop);
}

try {
  await run();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
