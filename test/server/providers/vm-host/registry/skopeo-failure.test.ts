import { expect, test } from 'vitest';
import { skopeoFailure } from '../../../../../server/providers/vm-host/registry/skopeo-failure.ts';

const log = (message: string) =>
  `time="2026-01-02T03:04:05Z" level=fatal msg=${JSON.stringify(message)}\n`;

test.each([
  ['dial tcp 127.0.0.1:1: connect: connection refused', 'does not answer', true],
  ['Get "https://a.example.org/v2/": dial tcp: lookup a: no such host', 'does not answer', true],
  ['reading manifest x in a/b: manifest unknown: manifest unknown', 'no such tag', false],
  ['repository name not known to registry', 'no such repository', false],
  ['unauthorized: authentication required', 'the registry refuses us', false],
  ['requested access to the resource is denied', 'the registry refuses us', false],
  ['tls: failed to verify certificate: x509: unknown authority', 'by TLS', false],
  ['toomanyrequests: You have reached your limit', 'come back later', true],
  ['received unexpected HTTP status: 503 Service Unavailable', 'broke off', true],
  ['write /x/oci-put-blob1: no space left on device', 'disk of this machine is full', true],
  ['Digest did not match, expected sha256:aa, got sha256:bb', 'which was refused', false],
  ['something new', 'skopeo says: something new', true],
])('%s', (message, says, retryable) => {
  const error = skopeoFailure('Fetching x', log(message));
  expect(error.reason).toMatch(/^Fetching x: /);
  expect(error.reason).toContain(says);
  expect(error.retryable).toBe(retryable);
});

test.each([
  ['Get "https://me:word1234@a.example.org/v2/": EOF', 'word1234'],
  ['Get "https://cdn.example.org/blob?X-Signature=word1234&x=y": EOF', 'word1234'],
  ['unauthorized: Basic bWU6d29yZDEyMzQ=', 'bWU6d29yZDEyMzQ='],
  ['{"token":"word1234", "access_token": "word1234"}', 'word1234'],
])('says no secret: %s', (message, secret) => {
  expect(skopeoFailure('Fetching x', log(message)).reason).not.toContain(secret);
  expect(skopeoFailure('Fetching x', message).reason).not.toContain(secret);
});

test('says something of an end without a word, and little of a flood', () => {
  expect(skopeoFailure('Fetching x', '').reason).toContain('without a word');
  expect(skopeoFailure('Fetching x', log('x'.repeat(9_999))).reason.length).toBeLessThan(400);
});
