import { startKubelet } from '../cluster/state.ts';
import { complain, flagsOf } from './file-programs.ts';
import { linesOf } from './text-programs.ts';
import { childScope, Leave, type Call, type Program, type Scope } from './scope.ts';

const UNIT_FOLDERS = ['/etc/systemd/system', '/lib/systemd/system', '/usr/lib/systemd/system'];
/** Where enabled units are noted, so that the next boot starts them. */
export const WANTED = '/etc/systemd/system/multi-user.target.wants';
const ALWAYS_THERE = new Set(['ssh', 'sshd', 'containerd', 'cron', 'kubelet', 'qemu-guest-agent']);

const systemctl: Program = async (call) => {
  const { flags, rest } = flagsOf(call.args);
  const [verb = '', ...units] = rest;
  if (verb === 'reboot' || verb === 'poweroff' || verb === 'halt') {
    return call.run.program([verb], call.scope, call.streams);
  }
  if (verb === 'is-system-running') {
    call.streams.out('running\n');
    return 0;
  }
  if (/^(is-active|is-enabled|status)$/.test(verb)) return tellState(call, verb, units, flags);
  if (call.scope.user !== 'root') {
    return complain(call, `Failed to ${verb} units: Interactive authentication required.`);
  }
  let status = 0;
  for (const unit of units) status = Math.max(status, await act(call, verb, unit, flags));
  return status;
};

function tellState(
  call: Call,
  verb: string,
  units: readonly string[],
  flags: ReadonlySet<string>,
): number {
  const { computer } = call.scope;
  const isGood = (unit: string) =>
    verb === 'is-enabled'
      ? computer.files.exists(`${WANTED}/${fileName(unit)}`) || ALWAYS_THERE.has(plain(unit))
      : computer.services.has(plain(unit)) || /^(ssh|sshd|containerd|cron)$/.test(plain(unit));
  const [good, bad] = verb === 'is-enabled' ? ['enabled', 'disabled'] : ['active', 'inactive'];
  const isQuiet = flags.has('--quiet') || flags.has('q');
  if (!isQuiet) call.streams.out(units.map((unit) => `${isGood(unit) ? good : bad}\n`).join(''));
  return units.every(isGood) ? 0 : verb === 'is-enabled' ? 1 : 3;
}

async function act(
  call: Call,
  verb: string,
  unit: string,
  flags: ReadonlySet<string>,
): Promise<number> {
  const { computer } = call.scope;
  const text = unitText(call.scope, unit);
  if (verb === 'disable' || verb === 'mask') computer.files.remove(`${WANTED}/${fileName(unit)}`);
  if (verb === 'stop' || ((verb === 'disable' || verb === 'mask') && flags.has('--now'))) {
    computer.services.delete(plain(unit));
    computer.services.delete(`${plain(unit)}-ready`);
    computer.changed();
  }
  const isStart = /^(start|restart|try-restart|reload-or-restart)$/.test(verb);
  if (!isStart && verb !== 'enable') return 0;
  if (text === undefined && !ALWAYS_THERE.has(plain(unit))) return missing(call, verb, unit);
  if (verb === 'enable') computer.files.write(`${WANTED}/${fileName(unit)}`, text ?? '');
  if (verb === 'enable' && !flags.has('--now')) return 0;
  if (plain(unit) === 'kubelet' && !computer.services.has('kubelet-ready')) {
    startKubelet(computer, [3_000, 8_000]);
  }
  return startUnit(unit, call);
}

function missing(call: Call, verb: string, unit: string): number {
  call.scope.unknown.count += 1;
  if (call.scope.tolerant) return 0;
  const text =
    verb === 'enable'
      ? `Failed to enable unit: Unit file ${fileName(unit)} does not exist.\n`
      : `Failed to ${verb} ${fileName(unit)}: Unit ${fileName(unit)} not found.\n`;
  call.streams.err(text);
  return verb === 'enable' ? 1 : 5;
}

/** Starts a unit; waits for one that is `oneshot`, while others go on in the background. */
export async function startUnit(unit: string, call: Omit<Call, 'name' | 'args'>): Promise<number> {
  const { computer } = call.scope;
  const text = unitText(call.scope, fileName(unit).replace(/\.(timer|path)$/, '.service')) ?? '';
  computer.services.add(plain(unit));
  computer.changed();
  const isOneshot = /^Type=oneshot/m.test(text);
  const lines = [...text.matchAll(/^ExecStart(?:Pre|Post)?=[-@:+!]*(.+(?:\\\n.*)*)$/gm)];
  const work = async () => {
    let status = 0;
    for (const [, line = ''] of lines) status = await startLine(line, text, call);
    if (isOneshot && !/^RemainAfterExit=(yes|true)/m.test(text)) {
      computer.services.delete(plain(unit));
    }
    return status;
  };
  if (isOneshot) return Number((await work()) !== 0);
  work().catch((error: unknown) => {
    if (!(error instanceof Leave) && !computer.power.aborted) throw error;
  });
  return 0;
}

function startLine(line: string, text: string, call: Omit<Call, 'name' | 'args'>): Promise<number> {
  const scope = childScope(call.scope, {
    user: 'root',
    folder: '/',
    tolerant: true,
    signal: call.scope.computer.power,
  });
  scope.variables.delete('HOME');
  for (const [, name = '', value = ''] of text.matchAll(/^Environment="?(\w+)=([^"\n]*)/gm)) {
    scope.variables.set(name, value);
  }
  return call.run.script(line, scope, {
    ...call.streams,
    out: () => undefined,
    err: () => undefined,
  });
}

function unitText(scope: Scope, unit: string): string | undefined {
  const paths = UNIT_FOLDERS.map((folder) => `${folder}/${fileName(unit)}`);
  return paths.map((path) => scope.computer.files.read(path)).find((text) => text !== undefined);
}

function fileName(unit: string): string {
  return /\.\w+$/.test(unit) ? unit : `${unit}.service`;
}

function plain(unit: string): string {
  return unit.replace(/\.service$/, '');
}

/** The units that a boot starts. */
export function wantedUnits(listing: readonly string[]): string[] {
  return linesOf(listing.join('\n')).filter((name) => !ALWAYS_THERE.has(plain(name)));
}

/** Programs about services. */
export const SERVICE_PROGRAMS: readonly (readonly [name: string, program: Program])[] = [
  ['systemctl', systemctl],
  [
    'service',
    ({ args, scope, streams, run }) => {
      const [unit = '', verb = ''] = args;
      return run.program(['systemctl', verb, unit], scope, streams);
    },
  ],
];
