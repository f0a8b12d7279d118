import { z } from 'zod';
import { ApiError } from '../ports.ts';
import { MODIFIED } from './refusals.ts';
import { isLike } from './glob.ts';

/** What a request is, for those who want to disturb it. */
export interface RequestSeen {
  /** `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`. */
  readonly verb: string;
  /** `VirtualMachine`; empty for what is no object. */
  readonly kind: string;
  /** `virtualmachines`, `virtualmachines/start`; the path for what is no object. */
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** A fault: which requests it strikes, how often, and what then happens. */
export type Fault = z.input<typeof FAULT>;

const FAULT = z.strictObject({
  verb: z.string().optional(),
  /** A kind or a resource; stars stand for anything, here and below. */
  kind: z.string().optional(),
  namespace: z.string().optional(),
  name: z.string().optional(),
  /** So many that match are let through first. */
  skip: z.int().nonnegative().default(0),
  /** How many are struck; 0 for all. */
  times: z.int().nonnegative().default(1),
  /** The share that is struck. */
  chance: z.number().min(0).max(1).default(1),
  /**
   * ANSWER: a refusal with `status`. RESET: the connection is reset. HANG: no answer ever comes.
   * WEBHOOK_DOWN: the admission webhook does not answer. SILENT: a watch that sends nothing.
   * EXPIRE: a watch or list whose version is too old, as HTTP status 410.
   */
  does: z.enum(['ANSWER', 'RESET', 'HANG', 'WEBHOOK_DOWN', 'SILENT', 'EXPIRE']),
  /** Whether the request has its effect all the same. */
  when: z.enum(['BEFORE', 'AFTER']).default('BEFORE'),
  status: z.int().min(400).max(599).optional(),
  reason: z.string().optional(),
  message: z.string().optional(),
  retryAfterSeconds: z.int().nonnegative().optional(),
});

type PlannedFault = z.output<typeof FAULT>;

/** What is to happen to one request. */
export type Struck = Pick<PlannedFault, 'does' | 'when'> & { readonly error: ApiError };

/** The faults that are asked for. */
export class Faults {
  readonly #random: () => number;
  #planned: { fault: PlannedFault; seen: number; struck: number }[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Plans a fault; answers how to take it back. */
  add(fault: unknown): () => void {
    const planned = { fault: FAULT.parse(fault), seen: 0, struck: 0 };
    this.#planned.push(planned);
    return () => {
      this.#planned = this.#planned.filter((one) => one !== planned);
    };
  }

  /** Takes all faults back. */
  clear(): void {
    this.#planned = [];
  }

  /** What happens to this request; uses a fault up by one. */
  strike(request: RequestSeen): Struck | undefined {
    for (const planned of this.#planned) {
      const { fault } = planned;
      if (!concerns(fault, request)) continue;
      planned.seen += 1;
      const isUsedUp = fault.times > 0 && planned.struck >= fault.times;
      if (planned.seen <= fault.skip || isUsedUp) continue;
      if (fault.chance < 1 && this.#random() >= fault.chance) continue;
      planned.struck += 1;
      return { does: fault.does, when: fault.when, error: errorOf(fault) };
    }
    return undefined;
  }
}

function concerns(fault: PlannedFault, { verb, kind, resource, namespace, name }: RequestSeen) {
  if (fault.does === 'SILENT' && verb !== 'watch') return false;
  return (
    isLike(fault.verb, verb) &&
    (isLike(fault.kind, kind) || isLike(fault.kind, resource)) &&
    isLike(fault.namespace, namespace ?? '') &&
    isLike(fault.name, name ?? '')
  );
}

const REASONS: Readonly<Record<number, readonly [reason: string, message: string]>> = {
  403: ['Forbidden', 'forbidden'],
  404: ['NotFound', 'the server could not find the requested resource'],
  409: ['Conflict', `Operation cannot be fulfilled: ${MODIFIED}`],
  410: ['Expired', 'too old resource version'],
  429: [
    'TooManyRequests',
    'the server has received too many requests and has asked us to try again later',
  ],
  500: ['InternalError', 'Internal error occurred: etcdserver: request timed out'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: ['Timeout', 'the server was unable to return a response in the time allotted'],
};

const WEBHOOK =
  'Internal error occurred: failed calling webhook "virtualmachine-validator.kubevirt.io": ' +
  'failed to call webhook: Post "https://virt-api.kubevirt.svc:443/virtualmachines-validate' +
  '?timeout=10s": context deadline exceeded';

function errorOf(fault: PlannedFault): ApiError {
  const isWebhook = fault.does === 'WEBHOOK_DOWN';
  const code = fault.does === 'EXPIRE' ? 410 : (fault.status ?? 500);
  const [reason, message] = REASONS[code] ?? ['Unknown', 'unknown'];
  const wait = fault.retryAfterSeconds ?? (code === 429 ? 1 : undefined);
  return new ApiError(
    code,
    fault.reason ?? reason,
    fault.message ?? (isWebhook ? WEBHOOK : message),
    wait === undefined ? {} : { retryAfterSeconds: wait },
  );
}
