import { Duplex } from 'node:stream';
import type { Route, RouteAnswer, RouteCall, Simulated } from '../ports.ts';
import { conditionOf } from './conditions.ts';
import { instance } from './instance-routes.ts';
import type { Nodes } from './nodes.ts';
import { badRequest, conflict, internal, notFound } from './refusals.ts';
import type { Vmi } from './shapes.ts';

/** Streams into a machine: its console, its screen, and the ports of its guest. */
export function streamRoutes(sim: Simulated, nodes: Nodes): Route[] {
  const forward = (call: RouteCall) => portForward(sim, instance(sim, call), call);
  const forwardOfVm = (call: RouteCall) => {
    const { namespace, name = '' } = call.params;
    const vm = sim.objects.get('VirtualMachine', namespace, name);
    if (vm === undefined) throw notFound('virtualmachine', name);
    return portForward(sim, instance(sim, call), call);
  };
  return [
    stream('virtualmachineinstances', 'console', '', (call) => console(sim, nodes, call)),
    stream('virtualmachineinstances', 'vnc', '', (call) => screen(sim, nodes, call)),
    ...['/{port}', '/{port}/{protocol}'].flatMap((rest) => [
      stream('virtualmachineinstances', 'portforward', rest, forward),
      stream('virtualmachines', 'portforward', rest, forwardOfVm),
    ]),
  ];
}

function stream(of: string, verb: string, rest: string, answer: Route['answer']): Route {
  return {
    group: 'subresources.kubevirt.io',
    version: 'v1',
    method: 'GET',
    path: `namespaces/{namespace}/${of}/{name}/${verb}${rest}`,
    // Access is asked for without the port.
    resource: `${of}/${verb}`,
    verb: 'get',
    answer,
  };
}

function mustBeOn(vmi: Vmi): void {
  const { phase } = vmi.status ?? {};
  if (phase === 'Failed') {
    throw conflict('virtualmachineinstance', vmi.metadata.name, 'VMI is in failed status');
  }
  if (phase === 'Running') return;
  const why = `phase is ${phase} instead of Running`;
  throw badRequest(`Unable to connect to VirtualMachineInstance because ${why}`);
}

function console(sim: Simulated, nodes: Nodes, call: RouteCall): RouteAnswer {
  const vmi = instance(sim, call);
  if (vmi.spec.domain.devices.autoattachSerialConsole === false) {
    throw badRequest('No serial consoles are present.');
  }
  mustBeOn(vmi);
  return watch(nodes, vmi, 'console', sim.guests.console(vmi.metadata.uid));
}

function screen(sim: Simulated, nodes: Nodes, call: RouteCall): RouteAnswer {
  const vmi = instance(sim, call);
  if (vmi.spec.domain.devices.autoattachGraphicsDevice === false) {
    throw badRequest('No graphics devices are present.');
  }
  mustBeOn(vmi);
  const isTaken = nodes.machineOf(vmi).watched.has('vnc');
  if (isTaken && call.query.get('preserveSession') === 'true') {
    throw internal('an active VNC connection is there, and it is to be kept');
  }
  return watch(nodes, vmi, 'vnc', screenOf());
}

/** One looks at a time: who comes later takes the place of who was there. */
function watch(nodes: Nodes, vmi: Vmi, what: 'console' | 'vnc', next: Duplex): RouteAnswer {
  const { watched } = nodes.machineOf(vmi);
  watched.get(what)?.destroy();
  watched.set(what, next);
  next.once('close', () => {
    if (watched.get(what) === next) watched.delete(what);
  });
  return { stream: next };
}

/** A screen that greets as RFB 3.8 does, and says back what it is told. */
function screenOf(): Duplex {
  const screen: Duplex = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      screen.push(chunk);
      done();
    },
    final: (done) => {
      screen.push(null);
      done();
    },
  });
  screen.push('RFB 003.008\n');
  return screen;
}

function portForward(sim: Simulated, vmi: Vmi, { params }: RouteCall): RouteAnswer {
  const { uid, name } = vmi.metadata;
  if (conditionOf(vmi, 'Paused') !== undefined) {
    throw conflict('virtualmachineinstance', name, 'VMI is paused');
  }
  const address = vmi.status?.interfaces?.[0]?.ipAddress;
  if (address === undefined) throw internal('no network interfaces are present');
  const port = Number(params['port']);
  const isRunning = vmi.status?.phase === 'Running';
  const found = isRunning ? sim.guests.connect(uid, port) : undefined;
  if (found !== undefined) return { stream: found };
  throw internal(`dialing VM: dial tcp ${address}:${port}: connect: connection refused`);
}
