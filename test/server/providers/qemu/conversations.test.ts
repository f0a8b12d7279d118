import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type Server, type Socket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Agent } from '../../../../server/providers/vm-host/agent.ts';
import { Qmp } from '../../../../server/providers/qemu/qmp.ts';
import { connectWhen, onLine } from '../../../../server/providers/vm-host/socket.ts';
import { realWorld } from '../../../../server/world.ts';

const world = realWorld();
const limit = { what: 'The other side', ms: 5_000 };
const soon = { what: 'The other side', ms: 30 };

let folder: string;
let server: Server;
let socket: Socket;
let other: Socket;
let heard: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'talk-'));
  heard = [];
  server = createServer();
  server.listen(join(folder, 's'));
  await once(server, 'listening');
  const connected = once(server, 'connection');
  socket = await connectWhen(world, join(folder, 's'), () => true, limit);
  const [accepted]: unknown[] = (await connected) as unknown[];
  other = accepted as Socket;
  onLine(other, 1_000_000, (line) => heard.push(line));
});
afterEach(() => {
  socket.destroy();
  other.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

const say = (...lines: unknown[]) =>
  lines.forEach((line) =>
    other.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`),
  );
/** Answers every request with the lines that are made of it. */
const reply = (answer: (line: string) => unknown[]) =>
  onLine(other, 1_000_000, (line) => say(...answer(line)));

describe('the monitor', () => {
  const open = async () => {
    const opening = Qmp.open(world, socket, 5_000, limit);
    say({ QMP: {} });
    reply((line) => {
      const { id, execute } = JSON.parse(line) as { id: number; execute: string };
      if (execute === 'hang') return [];
      if (execute === 'fail') return [{ id, error: { class: 'GenericError', desc: 'no such' } }];
      return [
        { event: 'STOP', data: { because: execute } },
        { id, return: execute },
      ];
    });
    return opening;
  };

  test('answers find their orders, events those who wait for them', async () => {
    const qmp = await open();
    const event = qmp.next(({ data }) => data['because'] === 'b');
    expect(await Promise.all([qmp.order('a'), qmp.order('b')])).toEqual(['a', 'b']);
    expect(await event).toEqual({ name: 'STOP', data: { because: 'b' } });
    await expect(qmp.order('fail')).rejects.toThrow('no such');
  });

  test('one who serves another client does not greet, and that is told', async () => {
    await expect(Qmp.open(world, socket, 5_000, soon)).rejects.toThrow('nothing came within 30 ms');
    expect(socket.destroyed).toBe(true);
  });

  test('when it closes, nobody waits any longer', async () => {
    const qmp = await open();
    const waiting = [qmp.order('hang'), qmp.next(() => false)];
    other.destroy();
    await expect(waiting[0]).rejects.toThrow('closed');
    expect(await waiting[1]).toBeNull();
    await expect(qmp.order('a')).rejects.toThrow('closed');
  });
});

describe('the agent', () => {
  test('what is said by somebody else, or is no answer, is passed over', async () => {
    const agent = new Agent(world, socket);
    reply((line) => {
      const id = line.split(' ')[0] ?? '';
      return ['', 'rubbish', `other-1 pong`, 'x'.repeat(100_000), `${id} marks turn-1 turn-2`];
    });
    expect(await agent.marks(limit)).toEqual(['turn-1', 'turn-2']);
  });

  test('every request ends with a dot, and none is half a line', async () => {
    const agent = new Agent(world, socket);
    reply((line) => [`${line.split(' ')[0] ?? ''} woke`]);
    await agent.wake({ hostname: 'micro-1', machineId: null }, limit);
    expect(heard).toHaveLength(1);
    expect(heard[0]).toMatch(/^\S+ wake \S+ \S+ micro-1 - \.$/);
  });

  test('a guest that has not its own identity is not taken for awake', async () => {
    const agent = new Agent(world, socket);
    reply((line) => [`${line.split(' ')[0] ?? ''} unsettled identity`]);
    const waking = agent.wake({ hostname: 'micro-1', machineId: null }, limit);
    await expect(waking).rejects.toThrow('an identity of its own: identity');
  });

  test('a guest that says more than it may is not believed', async () => {
    const agent = new Agent(world, socket);
    const piece = Buffer.alloc(20_000).toString('base64');
    reply((line) => {
      const id = line.split(' ')[0] ?? '';
      return Array.from({ length: 120 }, () => `${id} out ${piece}`);
    });
    await expect(agent.run(['yes'], '', limit)).rejects.toThrow('wrote more than');
  });

  test('nobody waits for a guest that is silent, or gone', async () => {
    const agent = new Agent(world, socket);
    await expect(agent.ping(soon)).rejects.toThrow('nothing came within 30 ms');
    const given = AbortSignal.abort(new Error('no longer wanted'));
    await expect(agent.ping({ ...limit, signal: given })).rejects.toThrow('given up');
    const asked = agent.ping(limit);
    other.destroy();
    await expect(asked).rejects.toThrow('closed');
    await expect(agent.ping(limit)).rejects.toThrow('closed');
  });
});

test('a socket of a process that has ended is not waited for', async () => {
  const path = join(folder, 'nobody');
  await expect(connectWhen(world, path, () => false, limit)).rejects.toThrow('The other side');
  await expect(connectWhen(world, path, () => true, soon)).rejects.toThrow('The other side');
});
