import { z } from 'zod';
import type { Kubernetes } from './kubernetes.ts';
import { fine, missing, warning, type Finding } from './preflight-report.ts';
import { RIGHTS, type Right, type Verb } from './rights.ts';

/** Which rights the account has, and which it lacks. */
export interface RightFacts {
  readonly findings: readonly Finding[];
  /** Whether all verbs on this resource are allowed. */
  readonly has: (group: string, resource: string) => boolean;
}

const REVIEWS = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
const FIX = 'kubectl apply -f docs/kubevirt-role.yaml, with this account in its binding';
/** Reviews under way at once; the client's own limit of requests a second comes on top. */
const AT_ONCE = 8;

const review = z.object({
  status: z.object({ allowed: z.boolean(), reason: z.string().nullish() }),
});

/** Asks for every verb of every right, in all namespaces: namespaces of clusters come and go. */
export async function lookAtRights(
  kubernetes: Kubernetes,
  signal: AbortSignal,
): Promise<RightFacts> {
  const questions = RIGHTS.flatMap((right) => right.verbs.map((verb) => ({ right, verb })));
  const refused: { right: Right; verb: Verb }[] = [];
  for (let at = 0; at < questions.length; at += AT_ONCE) {
    const some = questions.slice(at, at + AT_ONCE);
    const answers = await Promise.all(
      some.map(({ right, verb }) => isAllowed(kubernetes, right, verb, signal)),
    );
    refused.push(...some.filter((_, index) => answers[index] !== true));
  }
  const lacking = (right: Right) =>
    refused.filter((each) => each.right === right).map(({ verb }) => verb);
  return {
    findings: RIGHTS.map((right) => findingOf(right, lacking(right))),
    has: (group, resource) =>
      RIGHTS.some((right) => {
        const isIt = right.group === group && right.resource === resource;
        return isIt && lacking(right).length === 0;
      }),
  };
}

async function isAllowed(
  kubernetes: Kubernetes,
  { group, resource: path }: Right,
  verb: Verb,
  signal: AbortSignal,
): Promise<boolean> {
  const [resource, subresource] = path.split('/');
  const resourceAttributes = { group, resource, verb, ...(subresource && { subresource }) };
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes },
  };
  return review.parse(await kubernetes.call('POST', REVIEWS, { body, signal })).status.allowed;
}

function findingOf(right: Right, lacking: readonly Verb[]): Finding {
  const resource = right.group === '' ? right.resource : `${right.resource} (${right.group})`;
  const check = `right: ${resource}`;
  if (lacking.length === 0) return fine(check, right.verbs.join(' '));
  const found = `not allowed: ${lacking.join(' ')} (${right.why})`;
  return right.need === 'POOL' ? missing(check, found, FIX) : warning(check, found, FIX);
}
