import type { Duplex } from 'node:stream';
import { expect } from 'vitest';
import {
  ProviderError,
  type ClusterRef,
  type RunResult,
  type SetRef,
  type Step,
} from '../../server/providers/provider.ts';
import { typistAt } from '../kit/typist.ts';
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
  const { file = '/tmp/left-behind', capabilities, hasSerialShell = false } = subject;
  const { bench, newRef, step, have, handOver, goldenSet, run } = words;
  const wait = <T>(promise: Promise<T>) => bench().wait(promise);
  const isSerial = capabilities.streams.includes('SERIAL');
  const vmOf = (ref: ClusterRef) => {
    const role = ref.vms.at(-1)?.role ?? 'STANDALONE';
    return { cluster: ref, role };
  };
  const open = (ref: ClusterRef, signal = step(0).signal): Promise<Duplex> =>
    wait(bench().provider.open(vmOf(ref), 'SERIAL', signal));
  const inUse = async () => {
    const ref = newRef();
    await have(ref, step(1));
    await handOver(ref, step(1));
    return ref;
  };
  /** Somebody at the line, where it is asked what is to be done. */
  const atPrompt = async (ref: ClusterRef) => {
    const typist = typistAt(await open(ref));
    typist.type('\r');
    await wait(typist.until(PROMPT));
    return typist;
  };
  return [
    [
      'opens a serial line, which ends with its VM',
      isSerial,
      async () => {
        const ref = await inUse();
        const typist = typistAt(await open(ref));
        const aborted = AbortSignal.abort(new Error('no longer wanted'));
        await expect(open(ref, aborted)).rejects.toThrow();
        await wait(bench().provider.ensureGone(clusterObject(ref), step(2)));
        // A line that is gone has ended at the latest when somebody types.
        typist.type('\r');
        await wait(typist.end);
        await expectRefused(open(ref));
      },
    ],
    [
      'what is typed on the serial line is done in the guest',
      isSerial && hasSerialShell,
      async () => {
        const ref = await inUse();
        await run(ref, ['tee', file], 'read on the line\n');
        const typist = await atPrompt(ref);
        typist.type(`cat ${file}\r`);
        await wait(typist.until(/read on the line/));
        await wait(typist.until(PROMPT));
      },
    ],
    [
      'after a reset nothing of the last session is on the serial line',
      isSerial && hasSerialShell,
      async () => {
        const ref = await inUse();
        const first = await atPrompt(ref);
        first.type('secret=of-the-first\r');
        await wait(first.until(PROMPT));
        first.type('half-a-line');
        const set = await goldenSet(ref, step(2));
        await wait(bench().provider.ensureReset(ref, set, step(2)));
        first.hangUp();
        await handOver(ref, step(3));
        const second = await atPrompt(ref);
        second.type('echo is it $secret\r');
        await wait(second.until(/is it/));
        await wait(second.until(PROMPT));
        expect(second.seen()).not.toMatch(/of-the-first|half-a-line/);
      },
    ],
  ];
}

async function expectRefused(opening: Promise<unknown>): Promise<void> {
  const outcome: unknown = await opening.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(ProviderError);
}
