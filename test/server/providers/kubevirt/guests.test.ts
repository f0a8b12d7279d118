import { writeFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { makeGuests } from '../../../../server/providers/kubevirt/guests.ts';
import type { Guests } from '../../../../server/providers/kubevirt/host.ts';
import { DEFAULT_KUBEVIRT_SETTINGS } from '../../../../server/providers/kubevirt/settings.ts';
import { ProviderError } from '../../../../server/providers/provider.ts';
import { json, type RawApi, rawApi, refuse } from './raw-api-server.ts';

const INSTALLATION = '0123456789abcdef';
const SECRETS = '/api/v1/namespaces/vm-templates/secrets';
const hostKey = newKey().private;
const vmi = { namespace: 'a-1', name: 'cp-a-1' };
const never = new AbortController().signal;

/** A key pair; the library cannot read a few of those that it makes. */
function newKey() {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

let api: RawApi;
let guests: Guests;
let guest: ssh2.Server;
let sockets: WebSocket[];
/** The objects that the server keeps, by path. */
let kept: Map<string, object>;
/** What a guest does with a command. */
let obey: (command: string, channel: ssh2.ServerChannel) => void;
/** Whether the guest shakes hands at all. */
let isUp: boolean;

beforeEach(async () => {
  api = await rawApi();
  sockets = [];
  kept = new Map([['/api/v1/namespaces/vm-templates', {}]]);
  isUp = true;
  obey = (command, channel) => {
    channel.write(command);
    channel.exit(0);
    channel.end();
  };
  api.answer = (request) => {
    const found = kept.get(request.path);
    if (request.method === 'GET') {
      return found === undefined ? refuse(request, 404, 'NotFound') : json(request, 200, found);
    }
    const body = JSON.parse(request.body) as { metadata: { name: string } };
    const path = `${request.path}/${body.metadata.name}`;
    const isHomeless = request.path === SECRETS && !kept.has(SECRETS.replace('/secrets', ''));
    if (isHomeless) return refuse(request, 404, 'NotFound');
    if (kept.has(path)) return refuse(request, 409, 'AlreadyExists');
    kept.set(path, body);
    json(request, 201, body);
  };
  guest = sshServer();
  const upgrades = new WebSocketServer({
    noServer: true,
    handleProtocols: (all) => [...all][0] ?? '',
  });
  api.server.on('upgrade', (request, socket, head) => {
    upgrades.handleUpgrade(request, socket, head, (one) => {
      sockets.push(one);
      const stream = createWebSocketStream(one);
      stream.on('error', () => {});
      // The types ask for a socket; any stream will do.
      const taker: { injectSocket(stream: Duplex): void } = guest;
      if (isUp) taker.injectSocket(stream);
    });
  });
  guests = guestsOf({});
});

afterEach(async () => {
  await guests.close();
  for (const one of sockets) one.terminate();
  await api.close();
});

function guestsOf(settings: { sshKey?: string }): Guests {
  return makeGuests({
    world: api.world,
    kubernetes: api.client,
    settings: { ...DEFAULT_KUBEVIRT_SETTINGS, ...settings },
    installation: INSTALLATION,
  });
}

function sshServer(): ssh2.Server {
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (login) => {
      const isKnown = login.username === 'snapyard' && login.method === 'publickey';
      if (isKnown) login.accept();
      else login.reject(['publickey']);
    });
    client.on('session', (accept) => {
      accept().on('exec', (begin, _reject, { command }) => obey(command, begin()));
    });
  });
  return server;
}

const run = (argv: string[], options: { stdin?: string; signal?: AbortSignal } = {}) =>
  api.world.finish(guests.run(vmi, argv, { signal: never, ...options }), { withinMs: 600_000 });

/** The failure of a command. */
async function failure(running: Promise<unknown>): Promise<ProviderError> {
  const error: unknown = await running.catch((thrown: unknown) => thrown);
  if (error instanceof ProviderError) return error;
  throw new Error('it did not fail as it should', { cause: error });
}

test('a command is run word by word, whatever is in the words', async () => {
  const { exitCode, stdout } = await run(['echo', "it's", '$HOME', 'a b', '']);
  expect(exitCode).toBe(0);
  expect(stdout).toBe(String.raw`'echo' 'it'\''s' '$HOME' 'a b' ''`);
});

test('it gets its input, and tells both outputs and how it ended', async () => {
  obey = (_command, channel) => {
    channel.pipe(channel, { end: false });
    channel.once('end', () => {
      channel.stderr.write('that was all');
      channel.exit(3);
      channel.end();
    });
  };
  const result = await run(['cat'], { stdin: 'grüße' });
  expect(result).toEqual({ exitCode: 3, stdout: 'grüße', stderr: 'that was all' });
});

test('a command that a signal ended has the code that shells give it', async () => {
  obey = (_command, channel) => {
    channel.exit('KILL', false);
    channel.end();
  };
  expect((await run(['sleep', '9'])).exitCode).toBe(137);
});

test('a command that writes without end is refused', async () => {
  obey = (_command, channel) => {
    channel.write(Buffer.alloc(2 * 1024 * 1024));
    channel.exit(0);
    channel.end();
  };
  const error = await failure(run(['yes']));
  expect(error.reason).toContain('more than');
  expect(error.retryable).toBe(false);
});

test('commands share a connection until nobody has used it for a minute', async () => {
  await run(['true']);
  await api.world.advance(50_000);
  await run(['true']);
  await api.world.advance(50_000);
  expect(sockets).toHaveLength(1);
  await api.world.advance(20_000);
  expect(sockets[0]?.readyState).toBe(sockets[0]?.CLOSED);
  await run(['true']);
  expect(sockets).toHaveLength(2);
});

test('a guest that was started anew is met on a new connection', async () => {
  await run(['true']);
  guests.forget(vmi);
  await api.world.settle();
  expect(sockets[0]?.readyState).toBe(sockets[0]?.CLOSED);
  await run(['true']);
  sockets[1]?.terminate();
  expect((await run(['true'])).exitCode).toBe(0);
  expect(sockets).toHaveLength(3);
});

test('a guest that does not shake hands is told of, and may answer later', async () => {
  isUp = false;
  const error = await failure(run(['true']));
  expect(error.reason).toMatch(/^cp-a-1 takes no SSH: /);
  expect(error.retryable).toBe(true);
  expect(api.world.elapsed()).toBe(15_000);
  isUp = true;
  expect((await run(['true'])).exitCode).toBe(0);
});

test('a guest that opens no channel any more is left for a new connection', async () => {
  await run(['true']);
  sockets[0]?.pause();
  expect((await run(['true'])).exitCode).toBe(0);
  expect(sockets).toHaveLength(2);
});

test('a command that is given up ends at once, and its channel is closed', async () => {
  let isClosed = false;
  obey = (_command, channel) => {
    channel.resume();
    channel.on('close', () => {
      isClosed = true;
    });
  };
  const controller = new AbortController();
  const running = run(['sleep', '999'], { signal: controller.signal });
  await Promise.resolve();
  api.world.after(1_000, () => controller.abort(new Error('given up')));
  await expect(running).rejects.toThrow('given up');
  await api.world.settle();
  expect(isClosed).toBe(true);
});

test('a connection that breaks in the middle of a command is a failure', async () => {
  obey = () => sockets[0]?.terminate();
  const error = await failure(run(['reboot']));
  expect(error.retryable).toBe(true);
  expect(sockets).toHaveLength(1);
});

test('the key is generated once and kept; its private half is told to nobody', async () => {
  kept.clear();
  const key = await api.world.finish(guests.publicKey(never), { withinMs: 1_000 });
  expect(key).toMatch(/^ssh-ed25519 [A-Za-z0-9+/=]+ snapyard$/);
  expect(kept.get('/api/v1/namespaces/vm-templates')).toMatchObject({
    metadata: { labels: { 'cks.io/snapshots': 'true' } },
  });
  const secret = kept.get(`${SECRETS}/snapyard-ssh-01234567`);
  expect(secret).toMatchObject({
    type: 'kubernetes.io/ssh-auth',
    metadata: { labels: { 'snapyard.io/installation': INSTALLATION } },
  });
  expect(await api.world.finish(guestsOf({}).publicKey(never), { withinMs: 1_000 })).toBe(key);
  expect(api.log).toEqual([]);
});

test('a key that another server of ours kept first is taken; a stranger’s is not', async () => {
  const answer = api.answer;
  const theirs = newKey();
  const secret = (installation: string) => ({
    metadata: { name: 'x', labels: { 'snapyard.io/installation': installation } },
    data: { 'ssh-privatekey': Buffer.from(theirs.private).toString('base64') },
  });
  let looks = 0;
  api.answer = (request) => {
    looks += 1;
    if (looks === 1) return refuse(request, 404, 'NotFound');
    kept.set(`${SECRETS}/snapyard-ssh-01234567`, secret(INSTALLATION));
    answer(request);
  };
  const key = await api.world.finish(guests.publicKey(never), { withinMs: 1_000 });
  expect(theirs.public.startsWith(key.replace(' snapyard', ''))).toBe(true);

  api.answer = answer;
  kept.set(`${SECRETS}/snapyard-ssh-01234567`, secret('fedcba'));
  const error = await failure(api.world.finish(guestsOf({}).publicKey(never), { withinMs: 1_000 }));
  expect(error.retryable).toBe(false);
});

test('a key of the settings is read from its file', async () => {
  const mine = newKey();
  const path = `${api.folder}/key`;
  writeFileSync(path, mine.private);
  const key = await api.world.finish(guestsOf({ sshKey: path }).publicKey(never), { withinMs: 1 });
  expect(mine.public.startsWith(key.replace(' snapyard', ''))).toBe(true);
  writeFileSync(path, 'no key');
  const error = await failure(
    api.world.finish(guestsOf({ sshKey: path }).publicKey(never), { withinMs: 1 }),
  );
  expect(error.reason).toContain(path);
  expect(api.arrived).toEqual([]);
});
