import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import type { Viewer } from '../../schema/model/viewer.ts';
import { ProviderError } from '../../server/providers/provider.ts';
import { globalId } from '../../schema/global-id.ts';
import { ADMIN, ALICE, BOB } from '../kit/ask.ts';
import {
  type ConsoleBench,
  type ConsoleBenchOptions,
  openConsoleBench,
  type Visit,
} from '../kit/console-bench.ts';
import { connectionPair } from '../kubernetes/guest/streams.ts';
import { bearer, makeTokens, post, send } from '../kit/served.ts';

const KIB = 1_024;
const MINUTE = 60_000;

/** A bench whose first cluster is alice's. */
async function claimed(options: ConsoleBenchOptions = {}) {
  const bench = await openConsoleBench(options);
  const session = await bench.yard.done(bench.as(ALICE).createSession({ pool: 'cks' }));
  return { bench, session };
}

/** Gives the second cluster to somebody, so that it may be looked at. */
const claimSecond = (bench: ConsoleBench) =>
  bench.yard.done(bench.as(BOB).createSession({ pool: 'cks' }));

async function ticketFor(
  bench: ConsoleBench,
  { viewer = ALICE, cluster = 'cluster1' }: { viewer?: Viewer; cluster?: string } = {},
) {
  const input = { vmId: bench.vm(cluster).id, kind: 'SERIAL' as const };
  return await bench.yard.done(bench.as(viewer).openConsole(input));
}

async function visitAs(bench: ConsoleBench, viewer = ALICE, cluster = 'cluster1'): Promise<Visit> {
  const visit = bench.visit(await ticketFor(bench, { viewer, cluster }));
  await bench.until(() => visit.isOpen() || visit.ending() !== undefined);
  return visit;
}

async function endingOf(bench: ConsoleBench, visit: Visit): Promise<string | undefined> {
  await bench.until(() => visit.ending() !== undefined);
  return visit.ending();
}

/** Opens streams whose other end is the test's. */
function byHand(kinds: readonly ('SERIAL' | 'VNC')[] = ['SERIAL']) {
  const ends: Duplex[] = [];
  const open = () => {
    const [near, far] = connectionPair();
    far.on('error', () => {});
    ends.push(far);
    return Promise.resolve(near);
  };
  return { streams: { kinds, open }, ends };
}

test('a command typed into a simulated console is answered, and all is on record', async () => {
  const { bench } = await claimed();
  const visit = await visitAs(bench);
  await bench.until(() => visit.shown().endsWith('# '));
  visit.type('hostname\r');
  await bench.until(() =>
    visit.shown().endsWith('hostname\r\nwk-cluster1\r\nroot@wk-cluster1:~# '),
  );
  expect(bench.audits()).toEqual(['alice openConsole SERIAL', 'alice enterConsole SERIAL']);
  visit.raw.close();
  await bench.until(() => visit.ending() !== undefined);
  expect(bench.errors).toEqual([]);
});

test('a ticket is asked for over HTTP by the token, and lets in once', async () => {
  const tokens = makeTokens();
  const header = bearer(tokens.add('alice', 'USER'));
  const { bench } = await claimed({ auth: tokens.auth });
  const vmId = globalId('VmHandle', bench.vm('cluster1').id);
  const query = `mutation { openConsole(input: { vmId: "${vmId}" kind: SERIAL }) {
    __typename ... on ConsoleTicket { url } } }`;
  const { json } = await bench.yard.done(post(bench, query, header));
  const ticket = (json.data as { openConsole: { url: string } }).openConsole;
  const first = bench.visit(ticket);
  await bench.until(() => first.isOpen());
  const second = bench.visit(ticket);
  expect(await endingOf(bench, second)).toBe('4404 This ticket is not known: used, or too old.');
  expect(first.isOpen()).toBe(true);
});

test('a ticket that is too old is refused', async () => {
  const { bench } = await claimed();
  const ticket = await ticketFor(bench);
  await bench.yard.world.advance(MINUTE);
  expect(await endingOf(bench, bench.visit(ticket))).toMatch(/^4404 /);
});

test('pages of other origins are sent away before their ticket is looked at', async () => {
  const { bench } = await claimed();
  const ticket = await ticketFor(bench);
  const foreign = bench.visit(ticket, { origin: 'https://elsewhere.example' });
  expect(await endingOf(bench, foreign)).toBe('HTTP 403');
  const own = bench.visit(ticket, { origin: bench.url });
  await bench.until(() => own.isOpen());
});

test('without an upgrade there is nothing at that path', async () => {
  const { bench } = await claimed();
  const { url } = await ticketFor(bench);
  const { status } = await bench.yard.done(send(`${bench.url}${url}`));
  expect(status).toBe(404);
});

test('the end of the session ends its consoles, also one of an admin', async () => {
  const { bench, session } = await claimed({ streams: byHand().streams });
  const { id } = await claimSecond(bench);
  const others = await visitAs(bench, ADMIN, 'cluster2');
  const visit = await visitAs(bench);
  await bench.yard.done(bench.as(ADMIN).releaseSession(session.id));
  expect(await endingOf(bench, visit)).toBe('4410 The session has ended: an admin ended it.');
  expect(others.isOpen()).toBe(true);
  await bench.yard.done(bench.as(BOB).releaseSession(id));
  expect(await endingOf(bench, others)).toBe('4410 The session has ended: it was released.');
});

test('a ticket of a session that has ended since opens nothing', async () => {
  const { bench, session } = await claimed();
  const ticket = await ticketFor(bench);
  await bench.yard.done(bench.as(ALICE).releaseSession(session.id));
  expect(await endingOf(bench, bench.visit(ticket))).toBe(
    '4410 The session has ended: it was released.',
  );
});

test('the token that is struck out takes its tickets and consoles with it', async () => {
  const tokens = makeTokens();
  const alice = tokens.auth.authenticate(`Bearer ${tokens.add('alice', 'USER')}`)?.viewer ?? ALICE;
  const other = tokens.auth.authenticate(`Bearer ${tokens.add('alice', 'USER')}`)?.viewer;
  const { bench } = await claimed({ auth: tokens.auth });
  const visit = await visitAs(bench, alice);
  const ticket = await ticketFor(bench, { viewer: alice });
  expect(other?.tokenId).not.toBe(alice.tokenId);
  tokens.revoke('alice');
  tokens.add('alice', 'USER');
  expect(await endingOf(bench, visit)).toBe('4403 The token is no longer known.');
  expect(await endingOf(bench, bench.visit(ticket))).toBe('4403 The token is no longer known.');
});

test('a second viewer takes the console, and the first is told', async () => {
  const { streams, ends } = byHand();
  const { bench } = await claimed({ streams });
  const first = await visitAs(bench);
  const second = await visitAs(bench, ADMIN);
  expect(await endingOf(bench, first)).toBe('4412 This console was opened elsewhere.');
  expect(ends[0]?.destroyed).toBe(true);
  ends[1]?.write('hello');
  await bench.until(() => second.shown() === 'hello');
});

test('what the provider says of a stream that it does not open is told', async () => {
  const open = () =>
    Promise.reject(new ProviderError(`wk-cluster1 ${'é'.repeat(200)}`, { retryable: true }));
  const { bench } = await claimed({ streams: { kinds: ['SERIAL'], open } });
  const ending = (await endingOf(bench, await visitAs(bench))) ?? '';
  expect(ending).toMatch(/^4409 The stream was not opened: wk-cluster1 é+…$/);
  expect(Buffer.byteLength(ending.slice(5))).toBeLessThanOrEqual(123);
  expect(bench.errors).toEqual([]);
});

test('a fault is logged, and told without its words', async () => {
  const open = () => Promise.reject(new TypeError('secret'));
  const { bench } = await claimed({ streams: { kinds: ['SERIAL'], open } });
  const visit = await visitAs(bench);
  expect(await endingOf(bench, visit)).toBe('4500 Something went wrong in the server.');
  expect(bench.errors).toEqual([expect.stringContaining('a console could not be opened')]);
});

test('a stream that is not opened in time is given up, and closed if it comes later', async () => {
  const [near, far] = connectionPair();
  let settle: (stream: Duplex) => void = () => {};
  const open = () => new Promise<Duplex>((resolve) => void (settle = resolve));
  const { bench } = await claimed({ streams: { kinds: ['SERIAL'], open } });
  const visit = bench.visit(await ticketFor(bench));
  await bench.yard.world.advance(20_000);
  expect(await endingOf(bench, visit)).toMatch(/^4409 .*within 20 seconds$/);
  settle(near);
  await bench.until(() => far.destroyed);
});

test('the end of the stream, and its breaking, are told', async () => {
  const { streams, ends } = byHand();
  const { bench } = await claimed({ streams });
  const first = await visitAs(bench);
  ends[0]?.end('bye');
  expect(await endingOf(bench, first)).toMatch(/^1000 The VM ended the stream/);
  expect(first.shown()).toBe('bye');
  const open = () => {
    const stream = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
    ends.push(stream);
    return Promise.resolve(stream);
  };
  streams.open = open;
  const second = await visitAs(bench);
  ends[1]?.destroy(new Error('the other side has fallen silent'));
  expect(await endingOf(bench, second)).toBe(
    '4409 The stream broke: the other side has fallen silent',
  );
});

test('a viewer that does not read holds the VM back, and gets all in the end', async () => {
  const { streams, ends } = byHand();
  const { bench } = await claimed({ streams });
  const visit = await visitAs(bench);
  visit.raw.pause();
  const far = ends[0] ?? expect.unreachable();
  const chunk = Buffer.alloc(64 * KIB, 'x');
  const all = 1_024;
  let written = 0;
  const pump = () => {
    while (written < all) {
      written += 1;
      if (!far.write(chunk)) return void far.once('drain', pump);
    }
  };
  pump();
  await bench.yard.world.advance(1_000);
  const held = written;
  await bench.yard.world.advance(1_000);
  // What the network of the machine takes by itself is some megabytes.
  expect([written, held < all / 2]).toEqual([held, true]);
  visit.raw.resume();
  await bench.until(() => visit.length() === all * chunk.length);
});

test('a VM that does not read holds the viewer back, and gets all in the end', async () => {
  let goOn: (() => void) | undefined;
  let taken = 0;
  let stalls = true;
  const open = () =>
    Promise.resolve(
      new Duplex({
        read: () => {},
        write: (chunk: Buffer, _encoding, done) => {
          taken += chunk.length;
          if (stalls) goOn = done;
          else done();
        },
      }),
    );
  const { bench } = await claimed({ streams: { kinds: ['SERIAL'], open } });
  const visit = await visitAs(bench);
  const all = 512;
  for (let n = 0; n < all; n += 1) visit.type(Buffer.alloc(64 * KIB));
  await bench.yard.world.advance(2_000);
  expect(taken).toBeLessThanOrEqual(64 * KIB);
  expect(visit.raw.bufferedAmount).toBeGreaterThan((all * 64 * KIB) / 2);
  stalls = false;
  goOn?.();
  await bench.until(() => taken === all * 64 * KIB);
});

test('text frames and frames that are too large end it', async () => {
  const { bench } = await claimed({ streams: byHand().streams });
  const first = await visitAs(bench);
  first.raw.send('hello');
  expect(await endingOf(bench, first)).toBe('1003 Only binary frames are read here.');
  const second = await visitAs(bench);
  second.type(Buffer.alloc(64 * KIB + 1));
  expect(await endingOf(bench, second)).toMatch(/^1009/);
});

test('nothing for half an hour ends it; something now and then does not', async () => {
  const { streams, ends } = byHand();
  const { bench } = await claimed({ streams });
  const visit = await visitAs(bench);
  await bench.yard.world.advance(20 * MINUTE);
  ends[0]?.write('.');
  await bench.yard.world.advance(20 * MINUTE);
  expect(visit.isOpen()).toBe(true);
  await bench.yard.world.advance(11 * MINUTE);
  expect(await endingOf(bench, visit)).toBe('4408 Nothing moved here for half an hour.');
});

test('a viewer that answers no pings is gone after half a minute', async () => {
  const { streams, ends } = byHand();
  const { bench } = await claimed({ streams });
  const visit = await visitAs(bench);
  visit.raw.pause();
  await bench.yard.world.advance(45_000);
  expect(ends[0]?.destroyed).toBe(true);
  visit.raw.terminate();
});

test('no more consoles are open than may be, of one caller and of all', async () => {
  const limits = { consoles: 3, consolesPerCaller: 2 };
  const { bench } = await claimed({ limits, streams: byHand(['SERIAL', 'VNC']).streams });
  const visitKind = async (viewer: Viewer, cluster: string, kind: 'SERIAL' | 'VNC') => {
    const input = { vmId: bench.vm(cluster).id, kind };
    const visit = bench.visit(await bench.yard.done(bench.as(viewer).openConsole(input)));
    await bench.until(() => visit.isOpen() || visit.ending() !== undefined);
    return visit;
  };
  await claimSecond(bench);
  await visitKind(ADMIN, 'cluster1', 'SERIAL');
  await visitKind(ADMIN, 'cluster1', 'VNC');
  const third = await visitKind(ADMIN, 'cluster2', 'SERIAL');
  expect(await endingOf(bench, third)).toBe('4429 Too many consoles are open.');
  const other: Viewer = { name: 'ruth', role: 'ADMIN' };
  expect((await visitKind(other, 'cluster2', 'SERIAL')).isOpen()).toBe(true);
  const fourth = await visitKind(other, 'cluster2', 'VNC');
  expect(await endingOf(bench, fourth)).toBe('4429 Too many consoles are open.');
  // To take one's own console again needs no further place.
  expect((await visitKind(ADMIN, 'cluster1', 'SERIAL')).isOpen()).toBe(true);
});

test('the server stops within its time, whoever has a console open or is opening one', async () => {
  let opened = 0;
  const { streams, ends } = byHand();
  const open = () => (opened++ === 0 ? streams.open() : new Promise<Duplex>(() => {}));
  const { bench } = await claimed({ streams: { kinds: ['SERIAL'], open } });
  const visit = await visitAs(bench);
  await claimSecond(bench);
  const waiting = bench.visit(await ticketFor(bench, { viewer: ADMIN, cluster: 'cluster2' }));
  await bench.until(() => opened === 2);
  const begun = bench.yard.world.elapsed();
  await bench.yard.done(bench.http.stop());
  expect(bench.yard.world.elapsed() - begun).toBeLessThan(9_000);
  expect(await endingOf(bench, visit)).toBe('1012 The server stops.');
  expect(await endingOf(bench, waiting)).toBe('1012 The server stops.');
  expect(ends[0]?.destroyed).toBe(true);
});

/** Somebody without a ticket, who never says goodbye. */
async function stranger(bench: ConsoleBench): Promise<string> {
  const { port } = new URL(bench.url);
  const socket = connect({ port: Number(port), host: '127.0.0.1' });
  onTestFinished(() => void socket.destroy());
  const key = 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==';
  const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', key];
  const lines = ['GET /consoles/nothing HTTP/1.1', `Host: 127.0.0.1:${port}`, ...upgrade];
  socket.write([...lines, '', ''].join('\r\n'));
  let answer = '';
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => void (answer += chunk.toString()));
  await bench.until(() => answer.includes('\r\n\r\n'));
  return answer.slice(0, answer.indexOf('\r\n'));
}

test('strangers who do not leave shut out strangers only', async () => {
  const { bench } = await claimed({ limits: { consoles: 2 }, streams: byHand().streams });
  const ticket = await ticketFor(bench);
  const answers = [await stranger(bench), await stranger(bench), await stranger(bench)];
  const letIn = 'HTTP/1.1 101 Switching Protocols';
  expect(answers).toEqual([letIn, letIn, 'HTTP/1.1 503 Service Unavailable']);
  const visit = bench.visit(ticket);
  await bench.until(() => visit.isOpen() || visit.ending() !== undefined);
  expect(visit.ending()).toBeUndefined();
});

test('where it cannot be read whether a console is over, that visit ends as a fault', async () => {
  const { bench } = await claimed();
  const { consoles } = bench;
  const whyOver = consoles.whyOver.bind(consoles);
  const tickets = [await ticketFor(bench), await ticketFor(bench), await ticketFor(bench)];
  const visit = (n: number) => bench.visit(tickets[n] ?? expect.unreachable());
  const fail = () => {
    throw new Error('the disk cannot be read');
  };
  consoles.whyOver = fail;
  const fault = '4500 Something went wrong in the server.';
  expect(await endingOf(bench, visit(0))).toBe(fault);
  let asked = 0;
  consoles.whyOver = (grant) => (asked++ === 0 ? whyOver(grant) : fail());
  expect(await endingOf(bench, visit(1))).toBe(fault);
  consoles.whyOver = whyOver;
  const open = visit(2);
  await bench.until(() => open.isOpen());
  consoles.whyOver = fail;
  await claimSecond(bench);
  expect(await endingOf(bench, open)).toBe(fault);
  expect(bench.errors.length).toBe(3);
});
