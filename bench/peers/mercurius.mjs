/** Mercurius; with `jit` as the last argument it compiles a query at its first execution. */
import fastify from 'fastify';
import mercurius from 'mercurius';
import { ready, resolvers, typeDefs } from './prepared.mjs';

const jit = process.argv[4] === 'jit' ? 1 : 0;
const app = fastify();
await app.register(mercurius, { schema: typeDefs, resolvers, jit });
await app.listen({ port: 0, host: '127.0.0.1' });
ready(app.server.address().port);
