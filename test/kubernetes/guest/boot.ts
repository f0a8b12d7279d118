import { LATENCY, latency } from '../latency.ts';
import type { Computer } from './computer.ts';
import { runFinalStage, runInitStage, type CloudData } from './cloud-init.ts';
import { hasNetwork } from './network.ts';
import { startKubelet } from './cluster/state.ts';
import { startUnit, WANTED, wantedUnits } from './shell/service-programs.ts';
import { loginScope, textInput } from './shell/scope.ts';
import { runProgram, runFile, runScript } from './shell/run.ts';

const BOOT_MS = [20_000, 60_000] as const;
const SLOW_BOOT_MS = [180_000, 600_000] as const;
const AGENT_MS = [2_000, 10_000] as const;
const KUBELET_MS = [10_000, 30_000] as const;

/** Boots a guest: kernel, cloud-init, SSH, agent, kubelet, services; ends early without power. */
export async function boot(computer: Computer, told: CloudData): Promise<void> {
  const { files, world, power } = computer;
  computer.log('SeaBIOS (version 1.16.3)');
  if (!files.exists('/etc/os-release')) {
    computer.log('No bootable device.');
    computer.tell('there is nothing to boot from');
    return;
  }
  const isSlow = computer.strikes('slow-boot');
  const wait = computer.draw(`boot/${computer.machine}`, BOOT_MS);
  const more = isSlow ? computer.draw(`slow-boot/${computer.machine}`, SLOW_BOOT_MS) : 0;
  computer.log('Linux version 5.15.0-100-generic');
  await world.sleep(wait + more, power);
  computer.tell(LATENCY, latency(world, 'BOOT', wait + more));
  for (const name of files.list('/tmp')) files.remove(`/tmp/${name}`);
  const cloud = await runInitStage(computer, told);
  files.sync();
  if (!hasNetwork(computer)) computer.tell('guest finds no device of its network');
  startServer(computer);
  startAgent(computer, cloud.config.packages ?? []);
  startKubelet(computer, KUBELET_MS);
  await startWantedUnits(computer);
  await runFinalStage(computer, cloud);
}

function startServer(computer: Computer): void {
  computer.services.add('sshd');
  computer.log(`${computer.hostname()} login: `);
  computer.tell('guest is up');
  computer.changed();
}

/** The guest agent, where the image has it or the user data installs it. */
function startAgent(computer: Computer, packages: readonly unknown[]): void {
  const isThere =
    computer.files.exists('/usr/sbin/qemu-ga') || packages.includes('qemu-guest-agent');
  if (!isThere || computer.strikes('no-agent')) return;
  const start = async () => {
    await computer.world.sleep(
      computer.draw(`agent/${computer.machine}`, AGENT_MS),
      computer.power,
    );
    computer.services.add('qemu-guest-agent');
    computer.tell('guest agent is connected');
    computer.changed();
  };
  start().catch(() => undefined);
}

async function startWantedUnits(computer: Computer): Promise<void> {
  for (const unit of wantedUnits(computer.files.list(WANTED))) {
    await startUnit(unit, {
      scope: loginScope(computer, 'root', { tolerant: true, signal: computer.power }),
      streams: { input: textInput(''), out: () => undefined, err: () => undefined },
      run: { script: runScript, program: runProgram, file: runFile },
    });
  }
}
