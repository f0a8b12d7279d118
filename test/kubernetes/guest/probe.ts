import { z } from 'zod';
import { runProgram } from './shell/run.ts';
import { loginScope, textInput } from './shell/scope.ts';
import { hasNetwork } from './network.ts';
import type { Running } from './power.ts';

const port = z.union([z.number(), z.string()]).transform(Number);
const schema = z.looseObject({
  exec: z.looseObject({ command: z.array(z.string()) }).optional(),
  tcpSocket: z.looseObject({ port }).optional(),
  httpGet: z.looseObject({ port }).optional(),
  guestAgentPing: z.looseObject({}).optional(),
});

/** Whether something listens on a port of this guest. */
export function listens({ computer }: Running, port: number): boolean {
  if (!hasNetwork(computer)) return false;
  if (port === 22) return computer.services.has('sshd');
  if (port === 6443) return computer.services.has('kube-apiserver');
  return port === 10_250 && computer.services.has('kubelet');
}

/** Whether a readiness probe succeeds; one that runs in the guest answers as it last did. */
export function probeHolds(running: Running, probe: unknown): boolean {
  const { exec, tcpSocket, httpGet, guestAgentPing } = schema.parse(probe ?? {});
  const hasAgent = running.computer.services.has('qemu-guest-agent');
  if (exec !== undefined) return hasAgent && execHolds(running, exec.command);
  if (tcpSocket !== undefined) return listens(running, tcpSocket.port) && !running.isSilent;
  if (httpGet !== undefined) return listens(running, httpGet.port) && httpGet.port !== 22;
  return guestAgentPing === undefined || hasAgent;
}

function execHolds(running: Running, command: readonly string[]): boolean {
  const { computer, probes } = running;
  const key = command.join('\0');
  const known = probes.get(key) ?? { holds: false, isAsked: false };
  probes.set(key, known);
  if (known.isAsked) return known.holds;
  known.isAsked = true;
  const ask = async () => {
    const scope = loginScope(computer, 'root', { tolerant: false, signal: computer.power });
    const nothing = { input: textInput(''), out: () => undefined, err: () => undefined };
    const holds = (await runProgram(command, scope, nothing)) === 0;
    const isNews = holds !== known.holds;
    known.holds = holds;
    known.isAsked = false;
    if (isNews) computer.changed();
  };
  // A command that leaves or fails holds nothing.
  ask().catch(() => {
    known.isAsked = false;
  });
  return known.holds;
}
