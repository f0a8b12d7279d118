import { stringifyDocument, type TypedDocumentNode } from '@urql/core';
import { graphql, type ResultOf } from '../graphql.ts';
import { tabToken } from '../tab-token.ts';
import { authorizationOf } from '../token-keeper.ts';
import type { Address } from './address.ts';
import { sentence } from './ending.ts';

/** What is shown of a VM above its console. */
export const CONSOLE_VM = graphql(`
  query ConsoleVm($id: ID!) {
    node(id: $id) {
      __typename
      ... on VmHandle {
        name
        cluster {
          name
        }
        session {
          owner
          status
        }
      }
    }
  }
`);

/** A ticket to a console. */
export const OPEN_CONSOLE = graphql(`
  mutation OpenConsole($vmId: ID!, $kind: ConsoleKind!) {
    openConsole(input: { vmId: $vmId, kind: $kind }) {
      __typename
      ... on ConsoleTicket {
        url
      }
      ... on UserError {
        message
      }
    }
  }
`);

/** A VM as the console shows it. */
export type ConsoleVm = Extract<
  NonNullable<ResultOf<typeof CONSOLE_VM>['node']>,
  { __typename: 'VmHandle' }
>;

/** Why something cannot be had, in a sentence. */
export class Refused extends Error {}

/** The server wants a token that it knows. */
export class TokenWanted extends Error {}

const NOT_YOURS = 'There is no such VM, or it is not yours to look at.';

/** The VM of an address; throws where it cannot be seen. */
export async function findVm({ vmId }: Address): Promise<ConsoleVm> {
  const { node } = await ask(CONSOLE_VM, { id: vmId });
  if (node?.__typename === 'VmHandle') return node;
  throw new Refused(NOT_YOURS);
}

/** Where the WebSocket of a console is opened, once; throws where there is none to be had. */
export async function ticketFor({ vmId, kind }: Address): Promise<URL> {
  const { openConsole } = await ask(OPEN_CONSOLE, { vmId, kind });
  if (openConsole.__typename === 'NotFound') throw new Refused(NOT_YOURS);
  if (openConsole.__typename !== 'ConsoleTicket') throw new Refused(sentence(openConsole.message));
  const url = new URL(openConsole.url, location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  return url;
}

/** What the server answers, in the form that the protocol gives it. */
interface Answer<Data> {
  readonly data?: Data | null;
  readonly errors?: readonly { readonly message: string }[];
}

async function ask<Data, Variables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorizationOf(tabToken.read()) },
    body: JSON.stringify({ query: stringifyDocument(document), variables }),
  }).catch(() => {
    throw new Refused('The server cannot be reached.');
  });
  if (response.status === 401) throw new TokenWanted();
  const answer = (await response.json().catch(() => ({}))) as Answer<Data>;
  if (answer.data != null && answer.errors === undefined) return answer.data;
  const message = answer.errors?.[0]?.message ?? `the server answered ${response.status}`;
  throw new Refused(sentence(message));
}
