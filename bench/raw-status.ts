/**
 * The least that can serve a pool's status over HTTP: node:http, `JSON.parse` of the request and
 * `JSON.stringify` of an object that is in memory. `node bench/raw-status.ts <file>` serves the
 * answer in that file.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

/** As it is parsed, so that its fields keep their order. */
interface Answer {
  readonly data: { readonly clusterPool: { readonly name: string } };
}

const [, , file = ''] = process.argv;
const { clusterPool } = (JSON.parse(readFileSync(file, 'utf8')) as Answer).data;
const pools = new Map([[clusterPool.name, clusterPool]]);

// Connections of the load may rest for longer than Node keeps them by itself.
const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  let text = '';
  request.setEncoding('utf8');
  request.on('data', (part: string) => {
    text += part;
  });
  request.on('end', () => {
    const { variables } = JSON.parse(text) as { readonly variables: { readonly pool: string } };
    const body = JSON.stringify({ data: { clusterPool: pools.get(variables.pool) } });
    response.writeHead(200, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  console.log(`ready: http://127.0.0.1:${address.port}`);
});
process.once('disconnect', () => process.exit());
