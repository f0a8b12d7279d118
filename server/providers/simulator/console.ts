import { Duplex } from 'node:stream';
import { ProviderError, type VmRef } from '../provider.ts';
import { actOn, pause, perform } from './act.ts';
import { runCommand } from './guest.ts';
import { answeringGuest, keepFiles } from './guests.ts';
import type { Simulation } from './simulation.ts';

const PROMPT = '# ';

/**
 * Opens the serial console of a guest. A line typed there is a command with its arguments, split
 * at blanks. The console ends with the signal, with the simulator, or when the guest is gone.
 */
export function openConsole(sim: Simulation, vm: VmRef, signal: AbortSignal): Promise<Duplex> {
  const act = actOn(sim, 'open', vm.cluster, signal);
  return perform(sim, act, 'connect', async (slowness) => {
    await pause(sim, act, sim.latency('command', act.name) * slowness);
    const { name } = answeringGuest(sim, vm).vm;
    const console = consoleOf(sim, vm);
    act.signal.addEventListener('abort', () => console.destroy(), { once: true });
    console.push(`\r\n${name} ttyS0\r\n${PROMPT}`);
    return console;
  });
}

function consoleOf(sim: Simulation, vm: VmRef): Duplex {
  let typed = '';
  return new Duplex({
    read() {
      // What is printed is pushed when it is printed.
    },
    write(chunk: Buffer, _, done) {
      const lines = (typed + chunk.toString('utf8')).split(/\r\n|\r|\n/);
      typed = lines.pop() ?? '';
      try {
        for (const line of lines) this.push(obey(sim, vm, line));
        done();
      } catch (error) {
        this.push(null);
        done(error instanceof ProviderError ? null : (error as Error));
      }
    },
    final(done) {
      this.push(null);
      done();
    },
  });
}

/** What the terminal shows of a line: the line itself, what came of it, and the next prompt. */
function obey(sim: Simulation, ref: VmRef, line: string): string {
  const { vm } = answeringGuest(sim, ref);
  const argv = line.split(/\s+/).filter((word) => word !== '');
  if (argv.length === 0) return `\r\n${PROMPT}`;
  const result = runCommand({ hostname: vm.name, files: vm.files, stdin: '' }, argv);
  keepFiles(sim, ref, result.files);
  const output = (result.stdout + result.stderr).replaceAll('\n', '\r\n');
  return `${line}\r\n${output}${PROMPT}`;
}
