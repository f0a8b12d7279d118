/**
 * A program that behaves as Firecracker does towards whoever speaks to its socket: its states, its
 * bodies, its refusals, its files, its end. What it runs is no machine, but a few programs that
 * answer as our agent in a guest. It is a process of its own, so that it can be killed.
 *
 * `--fake <folder>` names a folder with `release` and, for what is to go wrong, `faults.json`.
 */
import { readFileSync, rmSync } from 'node:fs';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FIXTURE, faultOfBody } from './fixture.ts';
import { LoadFailure, Machine } from './machine.ts';

/** What is to go wrong with a call. */
export interface Fault {
  /** Answers only after so many milliseconds; never, below zero. */
  readonly delayMs?: number;
  /** Answers this instead. */
  readonly status?: number;
  readonly text?: string;
  /** Ends without an answer. */
  readonly dies?: true;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const { values } = parseArgs({
  options: {
    fake: { type: 'string', default: '' },
    'api-sock': { type: 'string', default: '/run/firecracker.socket' },
    id: { type: 'string', default: 'anonymous-instance' },
    level: { type: 'string', default: 'Info' },
  },
});
const release = readFileSync(join(values.fake, 'release'), 'utf8').trim();
const machine = new Machine(release, () => process.exit(0));

serve();

function serve(): void {
  if (!/^[A-Za-z0-9-]{1,64}$/.test(values.id)) throw new Error(`Invalid instance ID: ${values.id}`);
  let last: Promise<unknown> = Promise.resolve();
  const server = createServer((request, response) => {
    // One call after the other, whoever makes them.
    last = last.then(() => answer(request, response));
  });
  server.keepAliveTimeout = 0;
  server.listen(values['api-sock']);
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const call = `${request.method ?? ''} ${request.url ?? ''}`;
  const body = await read(request);
  const fault = faults()[call];
  if (fault?.dies === true) process.exit(1);
  if (fault?.delayMs !== undefined) {
    if (fault.delayMs < 0) return;
    await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
  }
  if (fault?.status !== undefined) return reply(response, fault.status, fault.text ?? '');
  const { status, text } = await carryOut(call, body);
  reply(response, status, text);
}

async function carryOut(call: string, text: string): Promise<Answer> {
  const known = FIXTURE.calls[call];
  if (known === undefined) return refusal(`Invalid request method and/or path: ${call}.`);
  if (call === 'GET /') return { status: 200, text: JSON.stringify(instance()) };
  if (call === 'GET /version') {
    return { status: 200, text: JSON.stringify({ firecracker_version: release }) };
  }
  try {
    const given = parse(text);
    const fault = faultOfBody(release, known.body ?? '', given);
    if (fault !== null) throw new Error(`The body cannot be read: ${fault} at line 1.`);
    await machine.obey(call, given as Record<string, unknown>);
    return { status: known.status, text: '' };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof LoadFailure) setImmediate(() => setImmediate(die, message));
    return refusal(message);
  }
}

function instance() {
  return { app_name: 'Firecracker', id: values.id, state: machine.state, vmm_version: release };
}

function die(message: string): void {
  process.stderr.write(`Load snapshot error: ${message}\n`);
  rmSync(values['api-sock'], { force: true });
  setTimeout(() => process.exit(1), 2);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new Error('The body cannot be read: expected value at line 1.');
  }
}

function refusal(message: string): Answer {
  return { status: 400, text: JSON.stringify({ fault_message: message }) };
}

function reply(response: ServerResponse, status: number, text: string): void {
  const headers = { server: 'Firecracker API', 'content-type': 'application/json' };
  response.writeHead(status, headers).end(text);
}

async function read(request: IncomingMessage): Promise<string> {
  request.setEncoding('utf8');
  let text = '';
  for await (const piece of request as AsyncIterable<string>) text += piece;
  return text;
}

function faults(): Readonly<Record<string, Fault>> {
  try {
    return JSON.parse(readFileSync(join(values.fake, 'faults.json'), 'utf8')) as Record<
      string,
      Fault
    >;
  } catch {
    return {};
  }
}
