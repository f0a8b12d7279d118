/** Yoga as its documentation begins: all features on, nothing tuned. */
import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { ready, resolvers, typeDefs } from './prepared.mjs';

const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false });
const server = createServer(yoga);
server.listen(0, '127.0.0.1', () => ready(server.address().port));
