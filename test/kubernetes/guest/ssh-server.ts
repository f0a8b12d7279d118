import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import type { AuthContext, Connection, ServerChannel, Session } from 'ssh2';
import type { Computer } from './computer.ts';
import { runScript } from './shell/run.ts';
import { homeOf, loginScope, type Input } from './shell/scope.ts';

const HOST_KEY = '/etc/ssh/ssh_host_ed25519_key';

// Its only timer, and one of real time.
(ssh2.Server as { KEEPALIVE_CLIENT_INTERVAL?: number }).KEEPALIVE_CLIENT_INTERVAL = -1;

/** Speaks SSH on a connection to a guest. */
export function serveSsh(computer: Computer, stream: Duplex): void {
  const hostKey = computer.files.read(HOST_KEY);
  if (hostKey === undefined) return void stream.destroy();
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
    talk(computer, connection);
  });
  // It only ever uses what all streams have.
  server.injectSocket(stream as Socket);
}

function talk(computer: Computer, connection: Connection): void {
  let user = '';
  connection.on('error', () => connection.end());
  connection.on('authentication', (context) => {
    user = context.username;
    if (isAllowed(computer, context)) context.accept();
    else context.reject(['publickey']);
  });
  connection.on('session', (accept) => {
    serveSession(computer, user, accept());
  });
}

function isAllowed(computer: Computer, context: AuthContext): boolean {
  if (context.method !== 'publickey') return false;
  const path = `${homeOf(context.username)}/.ssh/authorized_keys`;
  for (const line of (computer.files.read(path) ?? '').split('\n')) {
    const key = line.trim() === '' ? undefined : ssh2.utils.parseKey(line.trim());
    if (key === undefined || key instanceof Error) continue;
    if (!key.getPublicSSH().equals(context.key.data)) continue;
    const { blob, signature, hashAlgo } = context;
    // Without a signature the client only asks whether this key would do.
    if (signature === undefined || blob === undefined) return true;
    // Whatever its type says, it answers an error where the signature is of another kind.
    const verified: unknown = key.verify(blob, signature, hashAlgo);
    return verified === true;
  }
  return false;
}

function serveSession(computer: Computer, user: string, session: Session): void {
  session.on('pty', (accept) => {
    accept?.();
  });
  session.on('env', (accept) => {
    accept?.();
  });
  session.on('exec', (accept, _reject, { command }) => {
    const channel = accept();
    if (channel !== undefined) serve(execute(computer, user, command, channel), channel);
  });
  session.on('shell', (accept) => {
    const channel = accept();
    if (channel !== undefined) serve(converse(computer, user, channel), channel);
  });
}

/** The power may go in the middle of anything; then nobody is left to be told. */
function serve(work: Promise<void>, channel: ServerChannel): void {
  channel.on('error', () => undefined);
  work.catch(() => {
    channel.destroy();
  });
}

async function execute(
  computer: Computer,
  user: string,
  command: string,
  channel: ServerChannel,
): Promise<void> {
  const scope = loginScope(computer, user, { tolerant: false, signal: computer.power });
  const status = await runScript(command, scope, {
    input: inputFrom(channel),
    out: (text) => void channel.write(text),
    err: (text) => void channel.stderr.write(text),
  });
  channel.exit(status);
  channel.end();
}

async function converse(computer: Computer, user: string, channel: ServerChannel): Promise<void> {
  const scope = loginScope(computer, user, { tolerant: false, signal: computer.power });
  const input = inputFrom(channel);
  const out = (text: string) => void channel.write(text.replaceAll('\n', '\r\n'));
  const prompt = () => channel.write(`${user}@${computer.hostname()}:~$ `);
  prompt();
  for (;;) {
    const line = await input.line();
    if (line === undefined || line.trim() === 'exit') break;
    out(`${line}\n`);
    await runScript(line, scope, { input, out, err: out });
    prompt();
  }
  channel.exit(scope.status);
  channel.end();
}

/** Reads a channel as a program reads its input; a return counts as the end of a line. */
function inputFrom(channel: ServerChannel): Input {
  let text = '';
  const state = { isOver: false };
  let wake = () => {};
  channel.setEncoding('utf8');
  channel.on('data', (more: string) => {
    text += more;
    wake();
  });
  const end = () => {
    state.isOver = true;
    wake();
  };
  channel.on('end', end);
  channel.on('close', end);
  const more = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  return {
    async all() {
      while (!state.isOver) await more();
      const all = text;
      text = '';
      return all;
    },
    async line() {
      while (!state.isOver && !/[\r\n]/.test(text)) await more();
      if (text === '') return undefined;
      const found = /^([^\r\n]*)(\r\n|\r|\n|$)/.exec(text);
      text = text.slice(found?.[0].length ?? 0);
      return found?.[1] ?? '';
    },
  };
}
