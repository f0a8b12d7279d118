import { createHash } from 'node:crypto';
import { absolute } from '../file-system.ts';
import { complain, flagsOf } from './file-programs.ts';
import type { Call, Program } from './scope.ts';

const say = (call: Call, text: string) => {
  call.streams.out(`${text}\n`);
  return 0;
};

const hostname: Program = (call) => {
  const [name] = flagsOf(call.args).rest;
  if (call.args.includes('-I') || call.args.includes('-i'))
    return say(call, call.scope.computer.ip);
  if (name === undefined) return say(call, call.scope.computer.hostname());
  return setHostname(call, name);
};

const hostnamectl: Program = (call) => {
  const [verb, name] = flagsOf(call.args).rest;
  if (/^(set-)?hostname$/.test(verb ?? '') && name !== undefined) return setHostname(call, name);
  return say(call, ` Static hostname: ${call.scope.computer.hostname()}`);
};

function setHostname(call: Call, name: string): number {
  if (call.scope.user !== 'root') return complain(call, 'you must be root to change the host name');
  call.scope.computer.files.write('/etc/hostname', `${name}\n`);
  return 0;
}

const id: Program = (call) => {
  const { user } = call.scope;
  const number = user === 'root' ? 0 : 1000;
  const { flags } = flagsOf(call.args);
  if (flags.has('u')) return say(call, flags.has('n') ? user : String(number));
  return say(call, `uid=${number}(${user}) gid=${number}(${user}) groups=${number}(${user})`);
};

const uname: Program = (call) => {
  const { flags } = flagsOf(call.args);
  if (flags.has('a'))
    return say(call, `Linux ${call.scope.computer.hostname()} 5.15.0-100-generic x86_64 GNU/Linux`);
  if (flags.has('r')) return say(call, '5.15.0-100-generic');
  if (flags.has('m')) return say(call, 'x86_64');
  return say(call, flags.has('n') ? call.scope.computer.hostname() : 'Linux');
};

const date: Program = (call) => {
  const now = new Date(call.scope.computer.world.now());
  const format = call.args.find((arg) => arg.startsWith('+'));
  if (format === undefined)
    return say(call, call.args.includes('-Is') ? now.toISOString() : now.toUTCString());
  const fields: Record<string, string> = {
    '%s': String(Math.floor(now.getTime() / 1_000)),
    '%F': now.toISOString().slice(0, 10),
    '%T': now.toISOString().slice(11, 19),
    '%Y': String(now.getUTCFullYear()),
    '%N': '000000000',
  };
  return say(
    call,
    format.slice(1).replaceAll(/%\w/g, (field) => fields[field] ?? field),
  );
};

/** `reboot`, `poweroff`, `halt`, `shutdown [-r] now`. */
const power: Program = (call) => {
  const { computer, user } = call.scope;
  if (user !== 'root') return complain(call, 'Interactive authentication required.');
  if (call.name.endsWith('reboot') || call.args.includes('-r')) computer.reboot();
  else computer.powerOff();
  return 0;
};

const cloudInit: Program = async (call) => {
  const { computer, signal } = call.scope;
  const [verb] = call.args;
  if (verb === 'clean') return Number(!computer.files.remove('/var/lib/cloud'));
  if (verb !== 'status') return 0;
  while (computer.cloudInit === 'running' && call.args.includes('--wait')) {
    await computer.world.sleep(500, signal);
  }
  return say(call, `status: ${computer.cloudInit}`);
};

const sshKeygen: Program = (call) => {
  const { files } = call.scope.computer;
  const at = call.args.indexOf('-f');
  const name = at < 0 ? '/etc/ssh/ssh_host_ed25519_key.pub' : (call.args[at + 1] ?? '');
  const path = absolute(name, call.scope.folder);
  const text = files.read(path.endsWith('.pub') ? path : `${path}.pub`) ?? files.read(path);
  if (!call.args.some((arg) => arg.startsWith('-l'))) return 0;
  if (text === undefined) return complain(call, `${name}: No such file or directory`, 255);
  const key = Buffer.from(text.split(' ')[1] ?? '', 'base64');
  const hash = createHash('sha256').update(key).digest('base64').replace(/=+$/, '');
  return say(call, `256 SHA256:${hash} ${call.scope.computer.hostname()} (ED25519)`);
};

const getent: Program = (call) => {
  const [database, name = ''] = call.args;
  if (database !== 'hosts' && database !== 'ahosts' && database !== 'ahostsv4') return 2;
  const address = call.scope.computer.resolve(name);
  return address === undefined ? 2 : say(call, `${address.padEnd(15)} ${name}`);
};

const journalctl: Program = (call) => {
  if (call.args.some((arg) => arg.startsWith('--vacuum'))) {
    call.streams.err('Vacuuming done, freed 0B of archived journals from /var/log/journal.\n');
  }
  return 0;
};

/** `command -v`, `which`, `type`: what is there. */
export function whichAmong(known: (name: string) => boolean): Program {
  return ({ name, args, scope, streams, run }) => {
    const isLook = name !== 'command' || args[0] === '-v' || args[0] === '-V';
    if (!isLook) return run.program(args, scope, streams);
    const names = args.filter((arg) => !arg.startsWith('-'));
    const found = names.filter((each) => known(each) || scope.functions.has(each));
    streams.out(found.map((each) => `/usr/bin/${each}\n`).join(''));
    return found.length === names.length ? 0 : 1;
  };
}

/** Programs about the machine itself. */
export const SYSTEM_PROGRAMS: readonly (readonly [name: string, program: Program])[] = [
  ['hostname', hostname],
  ['hostnamectl', hostnamectl],
  ['whoami', (call) => say(call, call.scope.user)],
  ['id', id],
  ['uname', uname],
  ['nproc', (call) => say(call, '2')],
  ['date', date],
  [
    'systemd-machine-id-setup',
    ({ scope }) => {
      const { files, world } = scope.computer;
      const known = (files.read('/etc/machine-id') ?? '').trim();
      if (known === '') files.write('/etc/machine-id', `${world.secret(16)}\n`);
      return 0;
    },
  ],
  ['uptime', (call) => say(call, 'up')],
  [
    'sync',
    (call) => {
      call.scope.computer.files.sync();
      return 0;
    },
  ],
  ['reboot', power],
  ['poweroff', power],
  ['halt', power],
  ['shutdown', power],
  ['cloud-init', cloudInit],
  ['ssh-keygen', sshKeygen],
  ['getent', getent],
  ['journalctl', journalctl],
  [
    'mktemp',
    (call) => {
      const isFolder = call.args.includes('-d');
      const { files, world } = call.scope.computer;
      const path = `/tmp/tmp.${world.newId().slice(-10)}`;
      if (isFolder) files.makeFolder(path, call.scope.user);
      else files.write(path, '', call.scope.user);
      return say(call, path);
    },
  ],
];
