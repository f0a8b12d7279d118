import { readFileSync } from 'node:fs';
import { stringifyDocument } from '@urql/core';
import { buildSchema, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { CONSOLE_VM, OPEN_CONSOLE } from '../../client/console/ask.ts';
import * as poolActions from '../../client/dashboard/cluster-pool-actions.ts';
import * as historyDocuments from '../../client/dashboard/history-documents.ts';
import * as sessionActions from '../../client/dashboard/session-actions.ts';
import * as snapshotActions from '../../client/dashboard/snapshot-actions.ts';
import { CHANGES } from '../../client/feed-message.ts';
import { POSITION } from '../../client/live-feed.ts';

const schema = buildSchema(readFileSync('schema/schema.graphql', 'utf8'));
const documents = {
  CHANGES,
  CONSOLE_VM,
  OPEN_CONSOLE,
  POSITION,
  ...poolActions,
  ...sessionActions,
  ...snapshotActions,
  ...historyDocuments,
};

test.each(Object.entries(documents))('%s asks for what there is', (_name, document) => {
  expect(validate(schema, parse(stringifyDocument(document)))).toEqual([]);
});
