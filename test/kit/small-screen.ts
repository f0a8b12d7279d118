import { Duplex } from 'node:stream';

/** A screen of a few colours that speaks RFB 3.8 (RFC 6143), and says what it was told. */
export interface SmallScreen {
  readonly stream: Duplex;
  /** The keys that were pressed, by their X11 numbers. */
  readonly keys: readonly number[];
  /** The texts that were pasted. */
  readonly pasted: readonly string[];
  /** Says that the machine copied a text. */
  copy(text: string): void;
}

const WIDTH = 320;
const HEIGHT = 200;
const NAME = 'small';

/** What the other side says, by the first byte: how long it is, and what is done about it. */
interface Saying {
  readonly length: (bytes: Buffer) => number;
  readonly heard?: (bytes: Buffer) => void;
}

/** Makes one. */
export function smallScreen(): SmallScreen {
  const keys: number[] = [];
  const pasted: string[] = [];
  let waiting = Buffer.alloc(0);
  /** The handshake: what is heard first is a version, then how to log in, then how to share. */
  const steps = [
    { length: 12, answer: Buffer.of(1, 1) },
    { length: 1, answer: Buffer.alloc(4) },
    { length: 1, answer: serverInit() },
  ];
  const stream = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      waiting = Buffer.concat([waiting, chunk]);
      while (hear());
      done();
    },
  });
  const sayings = new Map<number, Saying>([
    [0, { length: () => 20 }],
    [2, { length: (bytes) => 4 + 4 * bytes.readUInt16BE(2) }],
    [3, { length: () => 10, heard: (bytes) => bytes[1] === 0 && stream.push(picture()) }],
    [4, { length: () => 8, heard: (bytes) => bytes[1] === 1 && keys.push(bytes.readUInt32BE(4)) }],
    [5, { length: () => 6 }],
    [
      6,
      {
        length: (bytes) => 8 + bytes.readUInt32BE(4),
        heard: (bytes) => pasted.push(bytes.toString('latin1', 8)),
      },
    ],
  ]);
  const take = (length: number) => {
    const taken = waiting.subarray(0, length);
    waiting = waiting.subarray(length);
    return taken;
  };
  const hear = (): boolean => {
    const [step] = steps;
    if (step !== undefined) {
      if (waiting.length < step.length) return false;
      steps.shift();
      take(step.length);
      return stream.push(step.answer);
    }
    if (waiting.length < 8 && waiting[0] !== 5) return false;
    const saying = sayings.get(waiting[0] ?? -1);
    if (saying === undefined) throw new Error(`the screen was told ${waiting[0]}`);
    const length = saying.length(waiting);
    if (waiting.length < length) return false;
    const said = take(length);
    saying.heard?.(said);
    return true;
  };
  stream.push('RFB 003.008\n');
  return { stream, keys, pasted, copy: (text) => void stream.push(cutText(text)) };
}

function serverInit(): Buffer {
  const init = Buffer.alloc(24 + NAME.length);
  init.writeUInt16BE(WIDTH, 0);
  init.writeUInt16BE(HEIGHT, 2);
  // 32 bits a point, 24 of them colour, in true colours of 8 bits: red at 16, green at 8.
  Buffer.of(32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0).copy(init, 4);
  init.writeUInt32BE(NAME.length, 20);
  init.write(NAME, 24);
  return init;
}

/** Stripes; in the order of bytes that the viewer asks for, which is red, green, blue. */
function picture(): Buffer {
  const head = Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt16BE(WIDTH, 8);
  head.writeUInt16BE(HEIGHT, 10);
  const points = Buffer.alloc(WIDTH * HEIGHT * 4);
  for (let at = 0; at < WIDTH * HEIGHT; at += 1) {
    const stripe = Math.floor((at % WIDTH) / 40);
    const on = (bit: number) => ((stripe >> bit) & 1 ? 230 : 30);
    Buffer.of(on(2), on(1), on(0), 255).copy(points, at * 4);
  }
  return Buffer.concat([head, points]);
}

function cutText(text: string): Buffer {
  const head = Buffer.alloc(8);
  head[0] = 3;
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text, 'latin1')]);
}
