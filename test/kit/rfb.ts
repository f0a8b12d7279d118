import type { Duplex } from 'node:stream';

/** What a viewer of a screen is told first, and the picture it then gets. */
export interface FirstPicture {
  readonly banner: string;
  readonly width: number;
  readonly height: number;
  /** Four bytes for each point, as far as the first update goes. */
  readonly pixels: Buffer;
}

const RAW = 0;
const POINT = 4;

/** Says of a VNC connection what a viewer does that wants it for itself, and takes one picture. */
export async function firstPicture(stream: Duplex): Promise<FirstPicture> {
  const take = reader(stream);
  const banner = (await take(12)).toString('latin1');
  stream.write(banner);
  const [kinds = 0] = await take(1);
  await take(kinds);
  stream.write(Buffer.of(1)); // No password.
  if ((await take(4)).readUInt32BE() !== 0) throw new Error('the screen wants a password');
  stream.write(Buffer.of(0)); // Alone, if that could be.
  const hello = await take(24);
  await take(hello.readUInt32BE(20));
  const [width, height] = [hello.readUInt16BE(0), hello.readUInt16BE(2)];
  stream.write(Buffer.of(2, 0, 0, 1, 0, 0, 0, RAW));
  const all = Buffer.of(3, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  all.writeUInt16BE(width, 6);
  all.writeUInt16BE(height, 8);
  stream.write(all);
  return { banner, width, height, pixels: await picture(take) };
}

async function picture(take: (bytes: number) => Promise<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  const rectangles = (await take(4)).readUInt16BE(2);
  for (let at = 0; at < rectangles; at += 1) {
    const head = await take(12);
    parts.push(await take(head.readUInt16BE(4) * head.readUInt16BE(6) * POINT));
  }
  return Buffer.concat(parts);
}

/** Takes so many bytes at a time from a stream, waiting for them; it must not end before. */
function reader(stream: Duplex): (bytes: number) => Promise<Buffer> {
  let have = Buffer.alloc(0);
  let look = (): void => undefined;
  stream.on('data', (chunk: Buffer) => {
    have = Buffer.concat([have, chunk]);
    look();
  });
  stream.once('close', () => look());
  return (bytes) =>
    new Promise((resolve, reject) => {
      look = () => {
        if (have.length >= bytes) {
          const taken = have.subarray(0, bytes);
          have = have.subarray(bytes);
          look = () => undefined;
          resolve(taken);
        } else if (stream.destroyed) reject(new Error('the stream has ended'));
      };
      look();
    });
}
