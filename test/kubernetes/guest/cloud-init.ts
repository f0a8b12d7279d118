import { contentOf, lineFor, readUserData, type CloudConfig } from './cloud-config.ts';
import type { Computer } from './computer.ts';
import type { GuestMachine } from '../ports.ts';
import { setUpNetwork } from './network.ts';
import { runScript } from './shell/run.ts';
import { homeOf, loginScope, textInput } from './shell/scope.ts';
import { makeSshKey } from './ssh-key.ts';

const INSTANCE = '/var/lib/cloud/data/instance-id';
const HOST_KEY = '/etc/ssh/ssh_host_ed25519_key';

/** What is on the cloud-init disk of a machine. */
export type CloudData = Pick<GuestMachine, 'userData' | 'networkData'>;

/** What a boot has read from its cloud-init disk. */
export interface CloudBoot {
  readonly config: CloudConfig;
  /** Whether this disk boots for the first time under this name and namespace. */
  readonly isNewInstance: boolean;
}

/** The first stage: what comes before the SSH server. */
export async function runInitStage(
  computer: Computer,
  { userData, networkData }: CloudData,
): Promise<CloudBoot> {
  const config = configFor(computer, userData);
  const { files } = computer;
  // As KubeVirt names it; without user data there is no cloud-init disk, so nothing is done.
  const instance = `${computer.machine}.${computer.namespace}\n`;
  const isNewInstance = userData !== undefined && files.read(INSTANCE) !== instance;
  await runCommands(computer, config.bootcmd);
  if ((files.read('/etc/machine-id') ?? '').trim() === '') {
    files.write('/etc/machine-id', `${computer.world.secret(16)}\n`);
  }
  if (isNewInstance) {
    setUpNetwork(computer, networkData);
    setUp(computer, config, instance);
  }
  if (files.read(HOST_KEY) === undefined) makeHostKey(computer);
  return { config, isNewInstance };
}

/** The last stage: `runcmd`, once for each instance. */
export async function runFinalStage(
  computer: Computer,
  { config, isNewInstance }: CloudBoot,
): Promise<void> {
  if (isNewInstance) await runCommands(computer, config.runcmd);
  computer.files.write('/var/lib/cloud/instance/boot-finished', 'done\n');
  computer.files.write('/run/cloud-init/result.json', '{"v1":{"errors":[]}}\n');
  computer.cloudInit = 'done';
  computer.log('cloud-init: finished');
  computer.changed();
}

function configFor(computer: Computer, userData: string | undefined): CloudConfig {
  try {
    return readUserData(userData);
  } catch (error) {
    // As in a real guest: it boots, and does nothing of what was asked.
    computer.log(`cloud-init: unusable user data: ${String(error)}`);
    computer.tell('user data is unusable', { reason: String(error) });
    return {};
  }
}

function setUp(computer: Computer, config: CloudConfig, instance: string): void {
  const { files } = computer;
  computer.tell('cloud-init sets up a new instance', { instance: instance.trim() });
  files.write(INSTANCE, instance);
  for (const asked of config.write_files ?? []) {
    const before = asked.append === true ? (files.read(asked.path) ?? '') : '';
    files.write(asked.path, before + contentOf(asked));
    const mode =
      asked.permissions === undefined ? 0o644 : Number.parseInt(`${asked.permissions}`, 8);
    files.setMode(asked.path, mode);
    files.setOwner(asked.path, asked.owner?.split(':')[0] ?? 'root');
  }
  if (config.preserve_hostname !== true) {
    const name = config.hostname ?? config.fqdn?.split('.')[0] ?? computer.machine;
    files.write('/etc/hostname', `${name}\n`);
  }
  // The default of cloud-init is to make new ones.
  if (config.ssh_deletekeys !== false) files.remove(HOST_KEY);
  for (const user of usersOf(config)) addUser(computer, user);
}

interface User {
  readonly name: string;
  readonly keys: readonly string[];
  readonly sudo: string | undefined;
}

function usersOf(config: CloudConfig): User[] {
  const general = config.ssh_authorized_keys ?? [];
  const usual: User = { name: 'ubuntu', keys: general, sudo: 'ALL=(ALL) NOPASSWD:ALL' };
  const asked = config.users ?? ['default'];
  return asked.map((user): User => {
    if (typeof user === 'string') return user === 'default' ? usual : { ...usual, name: user };
    const { sudo } = user;
    const rule = Array.isArray(sudo)
      ? sudo.join(', ')
      : typeof sudo === 'string'
        ? sudo
        : undefined;
    return { name: user.name, keys: user.ssh_authorized_keys ?? [], sudo: rule };
  });
}

function addUser({ files }: Computer, { name, keys, sudo }: User): void {
  const home = homeOf(name);
  const keyFile = `${home}/.ssh/authorized_keys`;
  const present = (files.read(keyFile) ?? '').split('\n').filter(Boolean);
  const passwd = files.read('/etc/passwd') ?? '';
  if (!passwd.includes(`${name}:`)) {
    files.write('/etc/passwd', `${passwd}${name}:x:1000:1000::${home}:/bin/bash\n`);
  }
  files.makeFolder(home, name);
  const all = new Set([...present, ...keys.map((key) => key.trim())]);
  files.write(keyFile, [...all].map((key) => `${key}\n`).join(''), name);
  const sudoers = '/etc/sudoers.d/90-cloud-init-users';
  const others = (files.read(sudoers) ?? '')
    .split('\n')
    .filter((l) => l !== '' && !l.startsWith(`${name} `));
  const own = sudo === undefined ? [] : [`${name} ${sudo}`];
  files.write(sudoers, [...others, ...own].map((line) => `${line}\n`).join(''));
}

function makeHostKey({ files }: Computer): void {
  const pair = makeSshKey();
  files.write(HOST_KEY, pair.private);
  files.write(`${HOST_KEY}.pub`, `${pair.public}\n`);
}

async function runCommands(computer: Computer, commands: CloudConfig['runcmd']): Promise<void> {
  if (!commands || commands.length === 0) return;
  const scope = loginScope(computer, 'root', { tolerant: true, signal: computer.power });
  // The scripts of cloud-init have no login: they begin in the root folder, without a home.
  scope.variables.delete('HOME');
  scope.folder = '/';
  const log = (text: string) =>
    text
      .split('\n')
      .filter(Boolean)
      .forEach((line) => computer.log(line));
  for (const command of commands) {
    const status = await runScript(lineFor(command), scope, {
      input: textInput(''),
      out: log,
      err: log,
    });
    if (status !== 0)
      computer.tell('a command of cloud-init failed', {
        command: String(command).slice(0, 200),
        status,
      });
  }
}
