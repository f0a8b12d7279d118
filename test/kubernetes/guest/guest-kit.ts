import ssh2 from 'ssh2';
import { seeded } from '../../kit/seeded.ts';
import { virtualWorld, type VirtualWorld } from '../../kit/virtual-world.ts';
import type { Disks, GuestMachine, Guests } from '../ports.ts';
import { makeDisks } from './disks.ts';
import { makeGuests } from './guests.ts';
import { makeSshKey, type SshKey } from './ssh-key.ts';

/** What a command in a guest has answered. */
export interface Answer {
  readonly out: string;
  readonly err: string;
  readonly status: number | undefined;
}

/** Guests in virtual time, for tests. */
export interface GuestKit {
  readonly world: VirtualWorld;
  readonly disks: Disks;
  readonly guests: Guests;
  /** The event log. */
  readonly log: readonly string[];
  /** Mishaps that will happen: `name namespace/vm`, each so many times. */
  readonly mishaps: Map<string, number>;
  /** Switches a machine on; its boot disk is made from the golden image when it is new. */
  readonly start: (
    namespace: string,
    name: string,
    userData?: string,
    disk?: string,
    network?: { readonly mac?: string; readonly data?: string | undefined },
  ) => GuestMachine;
  /** Lets time pass until the guest takes SSH. */
  readonly untilUp: (machine: GuestMachine) => Promise<void>;
  /** Lets time pass until all of cloud-init is done. */
  readonly untilDone: (machine: GuestMachine) => Promise<void>;
  /** Runs a command by SSH, letting time pass until it has ended. */
  readonly run: (machine: GuestMachine, command: string, stdin?: string) => Promise<Answer>;
  readonly close: () => void;
}

/** Network data of guests that do not care which MAC address they have. */
const BY_NAME = { data: "{version: 2, ethernets: {any: {match: {name: 'e*'}, dhcp4: true}}}" };

/** A key that tests have; user data must name its public half. */
export const KEY: SshKey = makeSshKey();

/** User data with a user that takes the tests' key, and whatever else. */
export function userData(more = '', user = 'suporte'): string {
  return `#cloud-config
users:
  - name: ${user}
    sudo: ALL=(ALL) NOPASSWD:ALL
    ssh_authorized_keys: ["${KEY.public}"]
${more}`;
}

const HOUR_MS = 3_600_000;

/** Makes one. */
export function guestKit(seed = 1): GuestKit {
  const world = virtualWorld({ seed });
  const disks = makeDisks();
  const log: string[] = [];
  const mishaps = new Map<string, number>();
  const random = seeded(seed);
  const guests = makeGuests({
    world,
    disks,
    draw: (_, [least, most]) => least + random() * (most - least),
    tell: (what, object) => void log.push(`${object}: ${what}`),
    mishaps: {
      strikes(name, object) {
        const key = `${name} ${object.namespace}/${object.name}`;
        const left = mishaps.get(key) ?? 0;
        mishaps.set(key, left - 1);
        return left > 0;
      },
    },
  });
  let started = 0;
  const runIn: GuestKit['run'] = (machine, command, stdin) =>
    world.finish(ask(guests, machine, command, stdin), { withinMs: HOUR_MS });
  const untilUp: GuestKit['untilUp'] = ({ uid }) =>
    world.runUntil(() => guests.probe(uid, { tcpSocket: { port: 22 } }), { withinMs: HOUR_MS });
  return {
    world,
    disks,
    guests,
    log,
    mishaps,
    start(namespace, name, data, disk = `disk-of-${namespace}-${name}`, network = BY_NAME) {
      started += 1;
      if (!disks.exists(disk)) disks.write(disk, { kind: 'IMAGE', name: 'golden' });
      const [uid, ip] = [`uid-${started}`, `10.244.0.${started}`];
      const mac = network.mac ?? `02:00:00:00:00:${started.toString(16).padStart(2, '0')}`;
      const rest = { mac, volumes: [disk], userData: data, networkData: network.data };
      const machine = { uid, name, namespace, ip, ...rest };
      guests.start(machine);
      return machine;
    },
    untilUp,
    async untilDone(machine) {
      await untilUp(machine);
      await runIn(machine, 'cloud-init status --wait');
    },
    run: runIn,
    close: () => guests.close(),
  };
}

function ask(
  guests: Guests,
  machine: GuestMachine,
  command: string,
  stdin: string | undefined,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sock = guests.connect(machine.uid, 22);
    if (sock === undefined) return reject(new Error('connection refused'));
    const client = new ssh2.Client();
    client.on('error', reject);
    client.on('close', () => reject(new Error('the connection was closed')));
    client.on('ready', () => {
      client.exec(command, (error, channel) => {
        if (error !== undefined) return reject(error);
        let [out, err] = ['', ''];
        let status: number | undefined;
        channel.on('data', (text: Buffer) => (out += text.toString()));
        channel.stderr.on('data', (text: Buffer) => (err += text.toString()));
        channel.on('exit', (code: number) => (status = code));
        channel.on('close', () => {
          resolve({ out, err, status });
          client.end();
        });
        channel.end(stdin);
      });
    });
    client.connect({ sock, username: 'suporte', privateKey: KEY.private, readyTimeout: 0 });
  });
}
