import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { RIGHTS } from '../../../../server/providers/kubevirt/rights.ts';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

function documentOf(kind: string): Record<string, unknown> {
  const text = readFileSync('docs/kubevirt-role.yaml', 'utf8');
  const all = parseAllDocuments(text).map((one) => one.toJS() as Record<string, unknown>);
  const found = all.find((one) => one['kind'] === kind);
  if (found === undefined) throw new Error(`there is no ${kind} in the manifest`);
  return found;
}

test('the manifest of the role says what the provider needs, and nothing else', () => {
  const rules = documentOf('ClusterRole')['rules'] as readonly Rule[];
  const wanted = RIGHTS.map(({ group, resource, verbs }) => {
    return { apiGroups: [group], resources: [resource], verbs: [...verbs] };
  });
  expect(rules).toEqual(wanted);
});

test('the manifest gives the role to the account that it makes', () => {
  const { metadata } = documentOf('ServiceAccount');
  const { roleRef, subjects } = documentOf('ClusterRoleBinding');
  expect(roleRef).toMatchObject({ kind: 'ClusterRole', name: 'snapyard' });
  expect(subjects).toEqual([{ kind: 'ServiceAccount', ...(metadata as object) }]);
});

test('no right is over what nobody needs: exec, status, lists of secrets, everything', () => {
  for (const { group, resource, verbs } of RIGHTS) {
    expect([group, resource, ...verbs]).not.toContain('*');
    expect(resource).not.toMatch(/\/(exec|status)$/);
    if (resource === 'secrets') expect(verbs).not.toContain('list');
  }
  const named = RIGHTS.map(({ group, resource }) => `${group}/${resource}`);
  expect(new Set(named).size).toBe(named.length);
});
