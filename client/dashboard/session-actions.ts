import { graphql } from '../graphql.ts';

/** Claims a cluster of a pool. */
export const CLAIM = graphql(`
  mutation Claim($input: CreateSessionInput!) {
    createSession(input: $input) {
      __typename
      ... on Session {
        id
      }
      ... on UserError {
        message
      }
      ... on PoolExhausted {
        retryAfterMs
      }
    }
  }
`);

/** Ends a session. */
export const RELEASE = graphql(`
  mutation Release($sessionId: ID!) {
    releaseSession(input: { sessionId: $sessionId }) {
      __typename
      ... on Session {
        id
      }
      ... on UserError {
        message
      }
    }
  }
`);

/** Puts off the end of a session: so many minutes from now, never earlier than it was. */
export const EXTEND = graphql(`
  mutation Extend($sessionId: ID!, $minutes: Int!) {
    extendSession(input: { sessionId: $sessionId, minutes: $minutes }) {
      __typename
      ... on Session {
        id
        expiresAt
      }
      ... on UserError {
        message
      }
    }
  }
`);

/** Saves a session under a name, while it goes on. */
export const SAVE = graphql(`
  mutation Save($sessionId: ID!, $name: String!, $idempotencyKey: String) {
    saveSession(input: { sessionId: $sessionId, name: $name, idempotencyKey: $idempotencyKey }) {
      __typename
      ... on Snapshot {
        id
      }
      ... on UserError {
        message
      }
    }
  }
`);
