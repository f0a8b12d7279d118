import { ApiError } from '../ports.ts';
import { at, fieldsOf, textOf } from './fields.ts';

/** A rule of a role: what may be done with which resources; empty namespaces are all. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[] | undefined;
  readonly namespaces?: readonly string[] | undefined;
}

/** What somebody wants to do. */
export interface Attempt {
  readonly group: string;
  /** With its subresource: `virtualmachines/start`. */
  readonly resource: string;
  readonly verb: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** Who may do what. Without rules everybody may everything. */
export interface Access {
  readonly rules: readonly Rule[] | undefined;
  /** The tokens that are known; as long as there is none, nobody needs one. */
  readonly tokens: ReadonlySet<string>;
}

/** Who sends a request; refuses a token that is not known. */
export function userOf({ tokens }: Access, authorization: string | undefined): string {
  if (authorization === undefined && tokens.size === 0) return 'system:admin';
  const [, token = ''] = /^Bearer (.+)$/.exec(authorization ?? '') ?? [];
  if (!tokens.has(token)) throw new ApiError(401, 'Unauthorized', 'Unauthorized');
  return 'system:serviceaccount:snapyard:snapyard';
}

/** Refuses what no rule allows, with the words of the real server. */
export function authorize(access: Access, user: string, attempt: Attempt): void {
  if (isAllowed(access, attempt)) return;
  const { group, resource, verb, namespace, name } = attempt;
  const [plural = ''] = resource.split('/');
  const what = `${group === '' ? plural : `${plural}.${group}`}${name ? ` "${name}"` : ''}`;
  const where =
    namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  const cannot = `User "${user}" cannot ${verb} resource "${resource}" in API group "${group}"`;
  throw new ApiError(403, 'Forbidden', `${what} is forbidden: ${cannot} ${where}`);
}

/** Answers a SelfSubjectAccessReview. */
export function reviewAccess(access: Access, body: unknown): unknown {
  const asked = fieldsOf(at(body, 'spec.resourceAttributes'));
  const part = textOf(asked['subresource']);
  const allowed = isAllowed(access, {
    group: textOf(asked['group']) ?? '',
    resource: `${textOf(asked['resource']) ?? ''}${part ? `/${part}` : ''}`,
    verb: textOf(asked['verb']) ?? '',
    namespace: textOf(asked['namespace']) || undefined,
    name: textOf(asked['name']) || undefined,
  });
  return { ...fieldsOf(body), metadata: {}, status: { allowed } };
}

/** Answers a SelfSubjectRulesReview. */
export function reviewRules(access: Access, body: unknown): unknown {
  const namespace = textOf(at(body, 'spec.namespace'));
  const everything: Rule = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
  const rules = (access.rules ?? [everything]).filter((rule) => reaches(rule, namespace));
  const resourceRules = rules.map(({ apiGroups, resources, verbs, resourceNames }) => ({
    apiGroups,
    resources,
    verbs,
    ...(resourceNames && { resourceNames }),
  }));
  const status = { resourceRules, nonResourceRules: [], incomplete: false };
  return { ...fieldsOf(body), metadata: {}, status };
}

/** Whether a rule allows it. */
export function isAllowed({ rules }: Pick<Access, 'rules'>, attempt: Attempt): boolean {
  if (rules === undefined) return true;
  const { group, resource, verb, namespace, name } = attempt;
  return rules.some(
    (rule) =>
      has(rule.apiGroups, group) &&
      has(rule.resources, resource) &&
      has(rule.verbs, verb) &&
      reaches(rule, namespace) &&
      (rule.resourceNames === undefined || rule.resourceNames.includes(name ?? '')),
  );
}

function reaches({ namespaces }: Rule, namespace: string | undefined): boolean {
  return namespaces === undefined || (namespace !== undefined && namespaces.includes(namespace));
}

function has(list: readonly string[], one: string): boolean {
  return list.includes('*') || list.includes(one);
}
