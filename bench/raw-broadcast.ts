/**
 * The broadcast that ours is compared with, as it is usually written: a request comes in over
 * HTTP, and its text is sent to every WebSocket by `ws.send`. No GraphQL, no database, no rights.
 */
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

// Connections of the load may rest for longer than Node keeps them by itself.
const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  let text = '';
  request.setEncoding('utf8');
  request.on('data', (part: string) => {
    text += part;
  });
  request.on('end', () => {
    for (const client of sockets.clients) client.send(text);
    response.end('sent');
  });
});
const sockets = new WebSocketServer({ server, perMessageDeflate: false });

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  console.log(`ready: http://127.0.0.1:${address.port}`);
});
process.once('disconnect', () => process.exit());
