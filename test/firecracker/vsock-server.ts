import { type Server, type Socket, createServer } from 'node:net';

/** Firecracker gives a guest that does not answer this long. */
const ACCEPT_MS = 2_000;
const LONGEST_LINE = 64 * 1024;

/** What listens in a guest. */
export interface GuestPort {
  /** Resolves when the guest runs. */
  running(): Promise<void>;
  /** What hears a connection's lines; null where nobody listens. */
  listen(port: number, say: (line: string) => void): ((line: string) => void) | null;
}

/** The host's side of a guest's vsock: a Unix socket on which a client names the port it wants. */
export class VsockServer {
  readonly #guest: GuestPort;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();

  private constructor(guest: GuestPort) {
    this.#guest = guest;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Opens the socket; refused where something is at its path. */
  static open(path: string, guest: GuestPort): Promise<VsockServer> {
    const vsock = new VsockServer(guest);
    return new Promise((resolve, reject) => {
      vsock.#server.once('error', reject);
      vsock.#server.listen(path, () => resolve(vsock));
    });
  }

  /** Ends all connections, as a guest does when it goes on after a snapshot. */
  reset(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket);
    socket.once('close', () => this.#connections.delete(socket));
    socket.on('error', () => {});
    let rest = '';
    let hear: ((line: string) => void) | null = null;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LONGEST_LINE) return socket.destroy();
      for (const line of lines) {
        if (hear === null) hear = this.#connect(socket, line);
        else hear(line);
      }
      return undefined;
    });
  }

  /** What the client sends before it is accepted is kept for the guest. */
  #connect(socket: Socket, line: string): (line: string) => void {
    const port = Number(/^CONNECT (\d+)$/.exec(line)?.[1] ?? Number.NaN);
    const early: string[] = [];
    let hear = (text: string): void => void early.push(text);
    const timer = setTimeout(() => socket.destroy(), ACCEPT_MS);
    void this.#guest.running().then(() => {
      clearTimeout(timer);
      const heard = this.#guest.listen(port, (text) => {
        if (!socket.destroyed) socket.write(`${text}\n`);
      });
      if (heard === null) return socket.destroy();
      socket.write(`OK ${1_073_741_824 + port}\n`);
      hear = heard;
      for (const text of early) heard(text);
      return undefined;
    });
    return (text) => hear(text);
  }
}
