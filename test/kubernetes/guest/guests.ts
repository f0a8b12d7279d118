import { Duplex } from 'node:stream';
import type { Guests } from '../ports.ts';
import { nameOf, switchOn, type GuestOptions, type Keeper, type Running } from './power.ts';
import { listens, probeHolds } from './probe.ts';
import { serveSsh } from './ssh-server.ts';
import { connectionPair } from './streams.ts';

/**
 * Small Linux guests. Each lives on the files of its boot volume, so that snapshots, restores and
 * clones carry what it is: host keys, machine-id, its Kubernetes cluster.
 *
 * Mishaps, by the name of a VMI: `slow-boot`, `guest-silent`, `no-agent`, `node-not-ready` (each a
 * boot), `ssh-refused` (a connection), `kubeadm-fails`, `join-fails` (a run), `power-cut` (a stop:
 * what was not synced is lost).
 */
export function makeGuests(options: GuestOptions): Guests {
  const machines = new Map<string, Running>();
  const listeners = new Set<Parameters<Guests['onChange']>[0]>();
  const inform = (uid: string, what: 'CHANGED' | 'SHUT_DOWN') => {
    for (const listener of listeners) listener(uid, what);
  };
  const end = (running: Running) => {
    running.cut();
    running.console.close();
    machines.delete(running.machine.uid);
  };
  const boots = new Map<string, number>();
  const keeper: Keeper = {
    options,
    countBoot(name) {
      const count = (boots.get(name) ?? 0) + 1;
      boots.set(name, count);
      return count;
    },
    running: () => machines.values(),
    changed: (uid) => inform(uid, 'CHANGED'),
    rebooted(running) {
      running.cut();
      options.tell('guest reboots', nameOf(running.machine));
      machines.set(running.machine.uid, switchOn(running.machine, keeper, running.console));
      inform(running.machine.uid, 'CHANGED');
    },
    shutDown(running) {
      end(running);
      options.tell('guest has shut down', nameOf(running.machine));
      inform(running.machine.uid, 'SHUT_DOWN');
    },
  };
  return {
    start: (machine) => {
      if (!machines.has(machine.uid)) machines.set(machine.uid, switchOn(machine, keeper));
    },
    stop(uid) {
      const running = machines.get(uid);
      if (running === undefined) return;
      end(running);
      if (options.mishaps.strikes('power-cut', running.machine))
        running.computer.files.loseUnsynced();
    },
    agentConnected: (uid) => machines.get(uid)?.computer.services.has('qemu-guest-agent') ?? false,
    probe(uid, probe) {
      const running = machines.get(uid);
      return running !== undefined && probeHolds(running, probe);
    },
    connect: (uid, port) => connectTo(machines.get(uid), port, options),
    console: (uid) => consoleOf(machines.get(uid)),
    onChange: (listener) => void listeners.add(listener),
    close() {
      for (const running of machines.values()) end(running);
      listeners.clear();
    },
  };
}

function connectTo(
  running: Running | undefined,
  port: number,
  { mishaps }: GuestOptions,
): Duplex | undefined {
  if (running === undefined || !listens(running, port)) return undefined;
  if (port === 22 && mishaps.strikes('ssh-refused', running.machine)) return undefined;
  const [near, far] = connectionPair();
  running.connections.add(near);
  near.on('close', () => running.connections.delete(near));
  near.on('error', () => undefined);
  if (port === 22 && !running.isSilent) serveSsh(running.computer, near);
  // Whatever is said to another port is heard, and nothing is answered.
  else near.resume();
  return far;
}

function consoleOf(running: Running | undefined): Duplex {
  if (running === undefined) return Duplex.from([]);
  return running.console.open(() => `${running.computer.hostname()} login: `);
}
