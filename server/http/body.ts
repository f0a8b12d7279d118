import type { IncomingMessage } from 'node:http';
import { HttpRefusal } from './answer.ts';

/** Reads the text of a JSON body of at most so many bytes. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  assertJson(request);
  return await readText(request, maxBytes);
}

/** What a body says. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new HttpRefusal(400, 'BAD_INPUT', 'the body is not JSON');
  }
}

/** A page of another origin can send any type but this one without asking us first. */
function assertJson({ headers }: IncomingMessage): void {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.find((one) => one.trim().startsWith('charset='));
  const isUtf8 = charset === undefined || /=\s*"?utf-?8"?\s*$/.test(charset);
  if (type.trim() !== 'application/json' || !isUtf8)
    throw new HttpRefusal(415, 'BAD_INPUT', 'the body must be application/json in UTF-8');
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new HttpRefusal(415, 'BAD_INPUT', 'the body must not be compressed');
}

function readText(request: IncomingMessage, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else reject(tooLarge(maxBytes));
    });
    const brokeOff = () => reject(new HttpRefusal(400, 'BAD_INPUT', 'the body broke off'));
    request.on('end', () => {
      request.off('close', brokeOff);
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
    request.on('error', brokeOff);
    request.on('close', brokeOff);
    if (Number(request.headers['content-length'] ?? 0) > maxBytes) reject(tooLarge(maxBytes));
  });
}

/** The rest of the body is not read: the connection ends with the answer. */
function tooLarge(maxBytes: number): HttpRefusal {
  const message = `the body is larger than ${maxBytes} bytes`;
  return new HttpRefusal(413, 'BAD_INPUT', message, { connection: 'close' });
}
