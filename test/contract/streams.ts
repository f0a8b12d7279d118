import type { Duplex } from 'node:stream';
import { expect } from 'vitest';
import {
  ProviderError,
  type ClusterRef,
  type RunResult,
  type SetRef,
  type Step,
} from '../../server/providers/provider.ts';
import { type Typist, typistAt } from '../kit/typist.ts';
import { clusterObject, type Bench, type ProviderUnderTest } from './under-test.ts';

/** What these cases take from the contract. */
export interface Words {
  readonly bench: () => Bench;
  readonly newRef: () => ClusterRef;
  readonly step: (fence: number, options?: Partial<Step>) => Step;
  readonly have: (ref: ClusterRef, by: Step) => Promise<unknown>;
  readonly handOver: (ref: ClusterRef, by: Step) => Promise<void>;
  readonly goldenSet: (ref: ClusterRef, by: Step) => Promise<SetRef>;
  readonly run: (ref: ClusterRef, argv: readonly string[], stdin?: string) => Promise<RunResult>;
}

/** A case that is left out, by name, where it does not apply. */
export type Case = readonly [name: string, applies: boolean, body: () => Promise<void>];

const PROMPT = /# /;

/** What holds of the streams to a VM. */
export function streamCases(subject: ProviderUnderTest, words: Words): Case[] {
  const { capabilities, hasSerialShell = false } = subject;
  const isSerial = capabilities.streams.includes('SERIAL');
  const hasShell = isSerial && hasSerialShell;
  return [
    ['opens a serial line, which ends with its VM', isSerial, () => endsWithItsVm(words)],
    [
      'what is typed on the serial line is done in the guest',
      hasShell,
      () => doesWhatIsTyped(words, subject.file ?? '/tmp/left-behind'),
    ],
    [
      'after a reset nothing of the last session is on the serial line',
      hasShell,
      () => isFreshAfterReset(words),
    ],
  ];
}

async function endsWithItsVm(words: Words): Promise<void> {
  const { bench, step } = words;
  const ref = await inUse(words);
  const typist = typistAt(await open(words, ref));
  const aborted = AbortSignal.abort(new Error('no longer wanted'));
  await expect(open(words, ref, aborted)).rejects.toThrow();
  await bench().wait(bench().provider.ensureGone(clusterObject(ref), step(2)));
  // A line that is gone has ended at the latest when somebody types.
  typist.type('\r');
  await bench().wait(typist.end);
  const outcome: unknown = await open(words, ref).catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(ProviderError);
}

async function doesWhatIsTyped(words: Words, file: string): Promise<void> {
  const { bench, run } = words;
  const ref = await inUse(words);
  await run(ref, ['tee', file], 'read on the line\n');
  const typist = await atPrompt(words, ref);
  typist.type(`cat ${file}\r`);
  await bench().wait(typist.until(/read on the line/));
  await bench().wait(typist.until(PROMPT));
}

async function isFreshAfterReset(words: Words): Promise<void> {
  const { bench, step, goldenSet, handOver } = words;
  const ref = await inUse(words);
  const first = await atPrompt(words, ref);
  first.type('secret=of-the-first\r');
  await bench().wait(first.until(PROMPT));
  first.type('half-a-line');
  const set = await goldenSet(ref, step(2));
  await bench().wait(bench().provider.ensureReset(ref, set, step(2)));
  first.hangUp();
  await handOver(ref, step(3));
  const second = await atPrompt(words, ref);
  second.type('echo is it $secret\r');
  await bench().wait(second.until(/is it/));
  await bench().wait(second.until(PROMPT));
  expect(second.seen()).not.toMatch(/of-the-first|half-a-line/);
}

/** A cluster that somebody has. */
async function inUse({ newRef, step, have, handOver }: Words): Promise<ClusterRef> {
  const ref = newRef();
  await have(ref, step(1));
  await handOver(ref, step(1));
  return ref;
}

function open({ bench, step }: Words, ref: ClusterRef, signal = step(0).signal): Promise<Duplex> {
  const vm = { cluster: ref, role: ref.vms.at(-1)?.role ?? 'STANDALONE' };
  return bench().wait(bench().provider.open(vm, 'SERIAL', signal));
}

/** Somebody at the line, where it is asked what is to be done. */
async function atPrompt(words: Words, ref: ClusterRef): Promise<Typist> {
  const typist = typistAt(await open(words, ref));
  typist.type('\r');
  await words.bench().wait(typist.until(PROMPT));
  return typist;
}
