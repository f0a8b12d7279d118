/**
 * What every peer is given: the schema as we print it and one answer of our server, from which it
 * serves the same pool from memory. Plain JavaScript outside all checks that need the packages,
 * since those are installed only when the bench is run.
 */
import { readFileSync } from 'node:fs';

const [, , schemaFile, answerFile] = process.argv;

/** Our schema in its own language. */
export const typeDefs = readFileSync(schemaFile, 'utf8');

const { data } = JSON.parse(readFileSync(answerFile, 'utf8'));
const pools = new Map([[data.clusterPool.name, data.clusterPool]]);

/** The one field that is asked for; what is below it are properties. */
export const resolvers = { Query: { clusterPool: (_root, { name }) => pools.get(name) } };

/** Says where it listens, and ends when whoever measures is gone. */
export function ready(port) {
  console.log(`ready: http://127.0.0.1:${port}`);
  process.once('disconnect', () => process.exit());
}
