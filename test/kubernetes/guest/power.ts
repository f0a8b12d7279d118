import type { Duplex } from 'node:stream';
import type { World } from '../../../server/world.ts';
import type { Disks, GuestMachine, Mishaps } from '../ports.ts';
import { boot } from './boot.ts';
import type { Computer } from './computer.ts';
import { makeConsole, type SerialConsole } from './console.ts';
import { openFileSystem } from './file-system.ts';

/** What guests are made with. */
export interface GuestOptions {
  readonly world: World;
  readonly disks: Disks;
  readonly mishaps: Mishaps;
  draw(key: string, between: readonly [least: number, most: number]): number;
  tell(what: string, object: string, details?: Readonly<Record<string, unknown>>): void;
  /** The address of a name as the DNS of the outer cluster knows it, for a namespace. */
  resolve?(namespace: string, name: string): string | undefined;
}

/** A machine that is switched on, with what runs on it now; a reboot puts another in its place. */
export interface Running {
  readonly machine: GuestMachine;
  readonly console: SerialConsole;
  readonly computer: Computer;
  readonly connections: Set<Duplex>;
  /** The last answers of probes that run in the guest. */
  readonly probes: Map<string, { holds: boolean; isAsked: boolean }>;
  /** Whether the SSH server takes connections and then says nothing. */
  readonly isSilent: boolean;
  /** Ends all that runs on it. */
  cut(): void;
}

/** What a machine may ask of those who keep it. */
export interface Keeper {
  readonly options: GuestOptions;
  /** How often a machine of this name has booted, this time included. */
  countBoot(name: string): number;
  running(): Iterable<Running>;
  changed(uid: string): void;
  rebooted(running: Running): void;
  shutDown(running: Running): void;
}

/** How long a guest takes to go down, once it is told to. */
const DOWN_MS = 1_000;

/** Switches a machine on: its guest begins to boot. */
export function switchOn(machine: GuestMachine, keeper: Keeper, console = makeConsole()): Running {
  const power = new AbortController();
  const { mishaps } = keeper.options;
  const strikes = (mishap: string) => mishaps.strikes(mishap, machine);
  const connections = new Set<Duplex>();
  const running: Running = {
    machine,
    console,
    computer: makeComputer(machine, keeper, console, power.signal, () => running),
    connections,
    probes: new Map(),
    isSilent: strikes('guest-silent'),
    cut() {
      power.abort(new Error('the power is off'));
      for (const connection of connections) connection.destroy();
    },
  };
  keeper.options.tell('guest boots', nameOf(machine));
  boot(running.computer, machine).catch((error: unknown) => {
    if (!power.signal.aborted) throw error;
  });
  return running;
}

/** A machine as the event log names it. */
export function nameOf(machine: GuestMachine): string {
  return `${machine.namespace}/${machine.name}`;
}

function makeComputer(
  machine: GuestMachine,
  keeper: Keeper,
  console: SerialConsole,
  power: AbortSignal,
  self: () => Running,
): Computer {
  const { options } = keeper;
  const { world, disks, mishaps } = options;
  const [volume] = machine.volumes;
  const disk = volume === undefined ? new Map<string, string>() : disks.files(volume);
  const files = openFileSystem(disk);
  const near = () =>
    [...keeper.running()].filter((each) => each.machine.namespace === machine.namespace);
  const goDown = (then: (running: Running) => void) => {
    files.sync();
    const leave = async () => {
      await world.sleep(DOWN_MS, power);
      then(self());
    };
    leave().catch(() => undefined);
  };
  const count = keeper.countBoot(nameOf(machine));
  const hostname = () => (files.read('/etc/hostname') ?? machine.name).trim();
  return {
    world,
    files,
    namespace: machine.namespace,
    machine: machine.name,
    ip: machine.ip,
    mac: machine.mac,
    power,
    services: new Set(),
    cloudInit: 'running',
    bootedAt: world.elapsed(),
    hostname,
    draw: (key, between) => options.draw(`${machine.namespace}/${key}/${count}`, between),
    strikes: (mishap) => mishaps.strikes(mishap, machine),
    tell: (what, details) => options.tell(what, nameOf(machine), details),
    log: (line) => console.write(line),
    reboot: () => goDown((running) => keeper.rebooted(running)),
    powerOff: () => goDown((running) => keeper.shutDown(running)),
    neighbours: () => near().map(({ computer }) => computer),
    resolve: (name) =>
      options.resolve?.(machine.namespace, name) ??
      near().find(({ computer }) => [computer.hostname(), computer.machine].includes(name))
        ?.computer.ip,
    changed: () => keeper.changed(machine.uid),
  };
}
