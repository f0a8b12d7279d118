import { expect } from 'vitest';
import { parse } from 'yaml';
import {
  ProviderError,
  type ClusterRef,
  type RunResult,
  type SetRef,
  type Step,
} from '../../server/providers/provider.ts';
import { idle, setRef } from '../kit/simulator.ts';
import type { Bench, ProviderUnderTest } from './under-test.ts';

/** What these cases take from the contract. */
interface Words {
  readonly bench: () => Bench;
  readonly newRef: () => ClusterRef;
  readonly step: (fence: number, options?: Partial<Step>) => Step;
  readonly have: (ref: ClusterRef, by: Step) => Promise<unknown>;
  readonly goldenSet: (ref: ClusterRef, by: Step) => Promise<SetRef>;
  readonly run: (ref: ClusterRef, argv: readonly string[], stdin?: string) => Promise<RunResult>;
}

type Case = [name: string, applies: boolean, body: () => Promise<void>];

const [FIRST, SECOND] = ['A', 'B'].map(
  (letter) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${letter.repeat(43)} somebody@somewhere`,
) as [string, string];
const blobOf = (line: string) => line.split(' ')[1] ?? '';

/** The words of these cases. */
function speak({ bench, newRef, step, have, run }: Words) {
  const give = (ref: ClusterRef, key: string, by: Step) =>
    bench().wait(bench().provider.access(ref, key, by));
  return {
    give,
    /** The keys that the guest lets in. */
    letIn: async (ref: ClusterRef, user: string | null) =>
      (await run(ref, ['cat', `/home/${user}/.ssh/authorized_keys`])).stdout,
    given: async () => {
      const ref = newRef();
      await have(ref, step(1));
      return { ref, access: await give(ref, FIRST, step(2)) };
    },
  };
}

/** What holds of the ways into guests. */
export function accessCases(subject: ProviderUnderTest, words: Words): Case[] {
  return [...toldCases(subject, words), ...safeCases(subject, words)];
}

/** What is given, and told. */
function toldCases({ capabilities }: ProviderUnderTest, words: Words): Case[] {
  const { newRef, step } = words;
  const { give, letIn, given } = speak(words);
  return [
    [
      'gives no access, since there is none',
      !capabilities.access,
      async () => {
        const ref = newRef();
        const outcome: unknown = await give(ref, FIRST, step(1)).catch((error: unknown) => error);
        expect(outcome).toBeInstanceOf(ProviderError);
        expect(outcome).toMatchObject({ retryable: false });
      },
    ],
    [
      'lets one key in, and tells the same when asked again',
      capabilities.access,
      async () => {
        const { ref, access } = await given();
        expect(access.sshUser).toMatch(/^[a-z]+$/);
        expect(access.endpoints.map(({ role, name }) => `${role} ${name}`)).toEqual(
          expect.arrayContaining(ref.vms.map(({ role }) => `${role} ssh`)),
        );
        for (const { url } of access.endpoints) expect(URL.canParse(url), url).toBe(true);
        expect(await give(ref, FIRST, step(2))).toEqual(access);
        expect((await letIn(ref, access.sshUser)).split(blobOf(FIRST))).toHaveLength(2);
        await give(ref, SECOND, step(3));
        const now = await letIn(ref, access.sshUser);
        expect(now).toContain(blobOf(SECOND));
        expect(now).not.toContain(blobOf(FIRST));
      },
    ],
    [
      'tells of Kubernetes where it is, as seen from outside',
      capabilities.access,
      async () => {
        const { ref, access } = await given();
        const api = access.endpoints.find(({ name }) => name === 'kubernetes');
        expect(api !== undefined).toBe(ref.vms.some(({ role }) => role === 'CONTROL_PLANE'));
        if (api === undefined) return expect(access.kubeconfig).toBeNull();
        const config: unknown = parse(access.kubeconfig ?? '');
        expect(config).toMatchObject({
          kind: 'Config',
          clusters: [{ cluster: { server: api.url } }],
        });
      },
    ],
  ];
}

/** Who is not let in. */
function safeCases({ capabilities }: ProviderUnderTest, words: Words): Case[] {
  const { bench, newRef, step, have, goldenSet } = words;
  const { give, letIn, given } = speak(words);
  return [
    [
      'lets nobody in that a fence has overtaken',
      capabilities.access,
      async () => {
        const { ref, access } = await given();
        await give(ref, SECOND, step(9));
        const late: unknown = await give(ref, FIRST, step(2)).catch((error: unknown) => error);
        expect(late).toMatchObject({ retryable: false });
        expect(await letIn(ref, access.sshUser)).not.toContain(blobOf(FIRST));
      },
    ],
    [
      'has no key of a session in any set, nor after a reset',
      capabilities.access,
      async () => {
        const ref = newRef();
        await have(ref, step(1));
        const golden = await goldenSet(ref, step(1));
        const { sshUser } = await give(ref, FIRST, step(2));
        const set = setRef(ref, 2_000, 'POOL');
        const source = { ...idle(ref), inUse: true };
        const [mode = 'ONLINE'] = capabilities.captureModes;
        await bench().wait(bench().provider.ensureSet(source, set, mode, step(2)));
        expect(await letIn(ref, sshUser)).toContain(blobOf(FIRST));
        const [next, from] = [newRef(), { kind: 'SET', set } as const];
        await bench().wait(bench().provider.ensureCluster(next, from, step(1)));
        expect(await letIn(next, sshUser)).not.toContain(blobOf(FIRST));
        await bench().wait(bench().provider.ensureReset(ref, golden, step(4)));
        expect(await letIn(ref, sshUser)).not.toContain(blobOf(FIRST));
      },
    ],
  ];
}
