import { IDENTITY_MODES, POOL_NAME, RECYCLE_POLICIES } from '../../schema/model/cluster-pool.ts';
import { PROVIDER_KINDS } from '../../schema/model/provider-kind.ts';
import type { VariablesOf } from '../graphql.ts';
import type { CREATE_POOL } from './cluster-pool-actions.ts';
import {
  type Draft,
  isWhole,
  NUMBERS,
  numberOf,
  type Problems,
  whenEmptyOf,
} from './cluster-pool-form.ts';

/** What stands in the form of a new pool; empty fields get the server's defaults. */
export interface NewPoolDraft extends Draft {
  readonly name: string;
  readonly provider: string;
  readonly image: string;
  readonly recycle: string;
  readonly identity: string;
  readonly lazy: boolean;
}

/** The form as it is opened. */
export const EMPTY_DRAFT: NewPoolDraft = {
  name: '',
  provider: 'SIMULATOR',
  image: '',
  recycle: '',
  identity: '',
  lazy: false,
  size: '',
  maxClusters: '',
  sessionTtlMinutes: '',
  maxTtlMinutes: '',
  maxWaitSeconds: '',
  maxSessionsPerOwner: '',
  snapshotMaxAgeSeconds: '',
  whenEmpty: '',
};

type CreateInput = VariablesOf<typeof CREATE_POOL>['input'];

/** What can be seen to be wrong before the server is asked. */
export function newPoolProblems(draft: NewPoolDraft): Problems {
  const wrong = NUMBERS.filter((setting) => !isWhole(draft[setting], true));
  const problems = Object.fromEntries(wrong.map((setting) => [setting, 'Give a whole number.']));
  if (POOL_NAME.test(draft.name)) return problems;
  const rule = 'A letter, then lower-case letters, digits and dashes; at most 30 characters.';
  return { ...problems, name: rule };
}

/** What the form sends: nothing about what was left empty. */
export function newPoolOf(draft: NewPoolDraft): CreateInput {
  const provider = PROVIDER_KINDS.find((kind) => kind === draft.provider) ?? 'SIMULATOR';
  const input: CreateInput = { name: draft.name, provider };
  for (const setting of NUMBERS) {
    const value = numberOf(draft[setting]);
    if (value !== null) input[setting] = value;
  }
  const whenEmpty = whenEmptyOf(draft.whenEmpty);
  const recycle = RECYCLE_POLICIES.find((policy) => policy === draft.recycle);
  const identity = IDENTITY_MODES.find((mode) => mode === draft.identity);
  if (whenEmpty !== null) input.whenEmpty = whenEmpty;
  if (recycle !== undefined) input.recycle = recycle;
  if (identity !== undefined) input.identity = identity;
  if (draft.image.trim() !== '') input.image = draft.image.trim();
  if (draft.lazy) input.lazy = true;
  return input;
}
