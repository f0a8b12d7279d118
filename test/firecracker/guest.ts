import { randomUUID } from 'node:crypto';

/** What a guest is: all of it is in its memory, and so in every snapshot. */
export interface GuestMemory {
  readonly files: Record<string, string>;
  readonly turns: string[];
  /** Times that it has taken up randomness of its own since it booted. */
  seeds: number;
}

/** What a command has said and how it ended. */
interface Outcome {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

/** What a guest that runs can do to its machine. */
export interface GuestMachine {
  /** Resolves when the machine runs: at once, or when it goes on. */
  running(): Promise<void>;
  /** The guest ends, and the machine with it. */
  powerOff(): void;
}

const HOSTNAME = '/proc/sys/kernel/hostname';
const MACHINE_ID = '/etc/machine-id';

/** A guest that has just booted. */
export function freshGuest(): GuestMemory {
  return { files: { [HOSTNAME]: 'golden\n' }, turns: [], seeds: 0 };
}

/** The agent of a guest with a few programs, for one connection. Its words are `agent.sh`'s. */
export class GuestAgent {
  readonly #memory: GuestMemory;
  readonly #machine: GuestMachine;
  readonly #say: (line: string) => void;
  readonly #inputs = new Map<string, string>();
  readonly #commands = new Set<Promise<void>>();

  constructor(memory: GuestMemory, machine: GuestMachine, say: (line: string) => void) {
    this.#memory = memory;
    this.#machine = machine;
    this.#say = say;
  }

  /** Answers one line, when the machine runs. */
  async hear(line: string): Promise<void> {
    await this.#machine.running();
    const [id = '', verb = '', a = '-', b = '-', c = '-', d = '-', end = ''] = line.split(' ');
    if (end !== '.') return;
    const turns = this.#memory.turns;
    switch (verb) {
      case 'ping':
        return this.#say(`${id} pong`);
      case 'wake':
        this.#settle(a, b, c, d);
        return this.#say([id, 'woke', ...turns].join(' '));
      case 'rehearse':
        this.#settle(a, b, '-', '-');
        return this.#say(`${id} rehearsed`);
      case 'in':
        this.#inputs.set(id, (this.#inputs.get(id) ?? '') + unescaped(a));
        return;
      case 'run':
        return this.#start(id, unescaped(a).split('\0').slice(0, -1));
      case 'mark':
        if (!turns.includes(a)) turns.push(a);
        return this.#say([id, 'marks', ...turns].join(' '));
      case 'marks':
        return this.#say([id, 'marks', ...turns].join(' '));
      case 'still':
        await Promise.all(this.#commands);
        return this.#say(`${id} still`);
      default:
        return this.#say(`${id} unknown`);
    }
  }

  #settle(time: string, seed: string, hostname: string, machineId: string): void {
    if (time === '-' || seed === '-') throw new Error('a wake without time or randomness');
    this.#memory.seeds += 1;
    if (hostname !== '-') this.#memory.files[HOSTNAME] = `${hostname}\n`;
    if (machineId !== '-') this.#memory.files[MACHINE_ID] = `${machineId}\n`;
  }

  #start(id: string, argv: readonly string[]): void {
    const input = this.#inputs.get(id) ?? '';
    this.#inputs.delete(id);
    const work = this.#run(argv, input).then(async (outcome) => {
      await this.#machine.running();
      this.#tell(id, outcome);
    });
    const command = work.finally(() => this.#commands.delete(command));
    this.#commands.add(command);
  }

  #tell(id: string, { out, err, code }: Outcome): void {
    if (out !== '') this.#say(`${id} out ${Buffer.from(out).toString('base64')}`);
    if (err !== '') this.#say(`${id} err ${Buffer.from(err).toString('base64')}`);
    this.#say(`${id} exit ${code}`);
  }

  async #run(argv: readonly string[], input: string): Promise<Outcome> {
    const [name = '', ...given] = argv;
    switch (name) {
      case 'sh':
        return this.#script(given[1] ?? '');
      case 'sleep':
        await new Promise((resolve) => setTimeout(resolve, Number(given[0]) * 1_000));
        await this.#machine.running();
        return said('');
      case 'poweroff':
        this.#machine.powerOff();
        return said('');
      default:
        return program(this.#memory, name, given, input);
    }
  }

  /** Commands one after the other, each of which may write to a file. */
  async #script(text: string): Promise<Outcome> {
    // What a guest is told to forget before it becomes a set is a script for a real shell.
    if (text.includes('rm -f /var/lib/snapyard/turns/*')) return forget(this.#memory);
    let last = said('');
    for (const line of text.split(/[;\n]/).map((each) => each.trim())) {
      const [command = '', target] = line.split(/\s*>\s*/);
      last = await this.#run(command.split(/\s+/), '');
      if (target !== undefined) {
        this.#memory.files[target] = last.out;
        last = { ...last, out: '' };
      }
    }
    return last;
  }
}

function program(
  { files, turns, seeds }: GuestMemory,
  name: string,
  given: readonly string[],
  input: string,
): Outcome {
  const [first] = given;
  switch (name) {
    case 'true':
      return said('');
    case 'false':
      return { out: '', err: '', code: 1 };
    case 'echo':
      return said(`${given.join(' ')}\n`);
    case 'cat':
      return first === undefined ? said(input) : read(files, first);
    case 'tee':
      if (first !== undefined) files[first] = input;
      return said(input);
    case 'rm':
      if (first !== undefined) Reflect.deleteProperty(files, first);
      return said('');
    case 'hostname':
      return said(files[HOSTNAME] ?? '');
    case 'ls':
      return said(turns.map((turn) => `${turn}\n`).join(''));
    case 'uuidgen':
      return said(`${randomUUID()} after ${seeds} seeds\n`);
    default:
      return { out: '', err: `sh: exec: ${name}: not found\n`, code: 127 };
  }
}

function read(files: Readonly<Record<string, string>>, path: string): Outcome {
  const text = Object.hasOwn(files, path) ? files[path] : undefined;
  if (text !== undefined) return said(text);
  return { out: '', err: `cat: can't open '${path}': No such file or directory\n`, code: 1 };
}

function forget(memory: GuestMemory): Outcome {
  memory.turns.length = 0;
  memory.files[HOSTNAME] = 'golden\n';
  memory.files[MACHINE_ID] = '';
  return said('');
}

function said(out: string): Outcome {
  return { out, err: '', code: 0 };
}

/** A word as `printf '%b'` reads it. */
function unescaped(word: string): string {
  const bytes = word.replaceAll(/\\0([0-7]{0,3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits === '' ? '0' : digits, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}
