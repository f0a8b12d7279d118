import type { KubeObject } from '../ports.ts';
import { at } from './fields.ts';
import { badRequest } from './refusals.ts';

/** Whether an object is one of those that a list or a watch asks for. */
export type Matches = (object: KubeObject) => boolean;

const SET = /^([^\s!=]+)\s+(in|notin)\s+\(([^)]*)\)$/;
const EQUAL = /^([^\s!=]+)\s*(==|=|!=)\s*(.*)$/;

/** Which objects a request is about, by namespace, labels and fields. */
export function matcher(query: URLSearchParams, namespace: string | undefined): Matches {
  const labels = parts(query.get('labelSelector')).map(labelTerm);
  const fields = parts(query.get('fieldSelector')).map(fieldTerm);
  const terms = [...labels, ...fields];
  return (object) =>
    (namespace === undefined || object.metadata.namespace === namespace) &&
    terms.every((term) => term(object));
}

/** The terms between commas, but not those inside of brackets. */
function parts(selector: string | null): string[] {
  const terms = (selector ?? '').split(/,(?![^(]*\))/).map((term) => term.trim());
  return terms.filter((term) => term !== '');
}

function labelTerm(term: string): Matches {
  const label = (object: KubeObject, name: string) => object.metadata.labels?.[name];
  const [, inSet, how, list] = SET.exec(term) ?? [];
  if (inSet !== undefined) {
    const values = (list ?? '').split(',').map((value) => value.trim());
    return (object) => values.includes(label(object, inSet) ?? '\0') === (how === 'in');
  }
  const [, name, sign, value] = EQUAL.exec(term) ?? [];
  if (name !== undefined) return (object) => (label(object, name) === value) === (sign !== '!=');
  if (/\s/.test(term)) throw badRequest(`unable to parse requirement: ${term}`);
  if (term.startsWith('!')) return (object) => label(object, term.slice(1)) === undefined;
  return (object) => label(object, term) !== undefined;
}

function fieldTerm(term: string): Matches {
  const [, path = '', sign, value] = EQUAL.exec(term) ?? [];
  const known =
    /^(metadata\.(name|namespace)|involvedObject\.\w+|reason|type|status\.phase|spec\.nodeName)$/;
  if (!known.test(path)) throw badRequest(`field label not supported: ${path}`);
  return (object) => (text(at(object, path)) === value) === (sign !== '!=');
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
