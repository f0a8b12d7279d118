import { Duplex } from 'node:stream';
import type { World } from '../../world.ts';
import { ProviderError, type VmRef } from '../provider.ts';
import { actOn, pause, perform } from './act.ts';
import { runCommand } from './guest.ts';
import { answeringGuest, keepFiles } from './guests.ts';
import type { Simulation } from './simulation.ts';
import { Terminal } from './terminal.ts';
import { sightingOf, type SimulatedVm } from './vm.ts';

/**
 * Opens the serial console of a guest: a terminal with a few commands, so that a first try shows
 * something. A line typed there is a command with its arguments, split at blanks. The console ends
 * with the signal, with the simulator, or when the guest is gone or was started anew: what is typed
 * before a reset is never done after it.
 */
export function openConsole(sim: Simulation, vm: VmRef, signal: AbortSignal): Promise<Duplex> {
  const act = actOn(sim, 'open', vm.cluster, signal);
  return perform(sim, act, 'connect', async (slowness) => {
    await pause(sim, act, sim.latency('command', act.name) * slowness);
    const guest = answeringGuest(sim, vm).vm;
    const { name } = guest;
    const prompt = `root@${name}:~# `;
    const run = (line: string) => obey(sim, { ref: vm, guest }, line);
    const console = consoleOf(new Terminal({ prompt, run }), sim.world);
    act.signal.addEventListener('abort', () => console.destroy(), { once: true });
    console.push(`\r\n${name} ttyS0: a simulated machine, "help" says what it knows\r\n${prompt}`);
    return console;
  });
}

/**
 * The stream of a terminal. What is typed is worked off portion by portion, each in a turn of its
 * own, and no faster than what it shows is taken: whoever types much holds up nobody else.
 */
function consoleOf(terminal: Terminal, world: Pick<World, 'soon'>): Duplex {
  /** Tells who types that all of it is done; there while some of it is not. */
  let finish: (() => void) | undefined;
  let isDue = false;
  /** The guest is gone: nothing that is typed does anything. */
  let hasEnded = false;
  const done = () => {
    // Taken out first: the next bytes are written while it runs, and leave one of their own.
    const finished = finish;
    finish = undefined;
    finished?.();
  };
  const goOn = () => {
    if (isDue || finish === undefined) return;
    isDue = true;
    world.soon(() => {
      isDue = false;
      if (!stream.destroyed) workOff();
    });
  };
  const workOff = () => {
    try {
      const shown = terminal.show();
      // A reader that has enough says when it wants more.
      if (shown !== '' && !stream.push(shown)) return;
      if (terminal.isBusy) return goOn();
    } catch (error) {
      if (!(error instanceof ProviderError)) return void stream.destroy(error as Error);
      hasEnded = true;
      stream.push(null);
    }
    done();
  };
  const stream: Duplex = new Duplex({
    read: goOn,
    write(chunk: Buffer, _, finished) {
      if (hasEnded) return finished();
      terminal.type(chunk);
      finish = finished;
      goOn();
    },
    final(ended) {
      this.push(null);
      ended();
    },
    destroy(error, destroyed) {
      done();
      destroyed(error);
    },
  });
  return stream;
}

/** What a console is of: a VM, as its guest was when it was opened. */
interface Opened {
  readonly ref: VmRef;
  readonly guest: SimulatedVm;
}

/** What comes of a line. */
function obey(sim: Simulation, { ref, guest }: Opened, line: string): string {
  const { vm } = answeringGuest(sim, ref);
  if (vm.starts !== guest.starts || vm.powerAt !== guest.powerAt) {
    throw new ProviderError(`${vm.name} was started anew`, { retryable: true });
  }
  const argv = line.split(/\s+/).filter((word) => word !== '');
  const [name] = argv;
  if (name === undefined) return '';
  const ofConsole = OF_CONSOLE.get(name);
  if (ofConsole !== undefined) return `${ofConsole(vm, sim.now())}\n`;
  const result = runCommand({ hostname: vm.name, files: vm.files, stdin: '' }, argv);
  keepFiles(sim, ref, result.files);
  return result.stdout + result.stderr;
}

/** What only people ask for, and only here: the machine itself, as it is now. */
const OF_CONSOLE: ReadonlyMap<string, (vm: SimulatedVm, now: number) => string> = new Map([
  ['help', () => HELP],
  ['uptime', uptime],
  ['ip', addresses],
]);

const HELP = `This machine is simulated. It knows:
  hostname, uname -a, uptime, ip addr   what it is
  ls, cat, tee, mkdir, rm               its files
  echo, sleep, true, false, clear, help`;

function uptime({ answersAt }: SimulatedVm, now: number): string {
  const minutes = Math.max(0, Math.floor((now - answersAt) / 60_000));
  const hours = `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, '0')}`;
  return ` up ${hours}, 1 user, load average: 0.00, 0.00, 0.00`;
}

function addresses(vm: SimulatedVm, now: number): string {
  const { ipAddress } = sightingOf(vm, now);
  const flags = 'BROADCAST,MULTICAST,UP,LOWER_UP';
  const lines = ['1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536', '    inet 127.0.0.1/8 scope host lo'];
  const own = [`2: eth0: <${flags}> mtu 1500`, `    inet ${ipAddress}/8 scope global eth0`];
  return [...lines, ...(ipAddress === null ? [] : own)].join('\n');
}
