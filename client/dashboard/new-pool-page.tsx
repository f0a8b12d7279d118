import { Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { type SubmitEvent, useEffect, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { IDENTITY_MODES, RECYCLE_POLICIES } from '../../schema/model/cluster-pool.ts';
import { POOL_SIZE_BOUNDS, PROVIDER_KINDS } from '../../schema/model/provider-kind.ts';
import { CREATE_POOL } from './cluster-pool-actions.ts';
import { NumberField, WhenEmptyField } from './cluster-pool-fields.tsx';
import type { NumberSetting, Problems } from './cluster-pool-form.ts';
import { usePoolNamed, useStanding, useViewer } from './live.ts';
import { EMPTY_DRAFT, type NewPoolDraft, newPoolOf, newPoolProblems } from './new-pool-form.ts';
import { usePageTitle } from './page-title.ts';
import { paths } from './paths.ts';
import { say } from './pool-words.ts';
import { PressButton } from './press-button.tsx';
import { RefusalNote } from './refusal.tsx';
import { useFormAction } from './use-form-action.ts';
import './cluster-pool-page.css';

/** The form that makes a pool, for admins. */
export default function NewPoolPage() {
  usePageTitle('New pool');
  const viewer = useViewer();
  return (
    <section className="card" aria-label="New pool">
      <h1>New pool</h1>
      {viewer?.role === 'ADMIN' ? (
        <NewPoolForm />
      ) : (
        <p>
          Only admins make pools. <Link href={paths.overview}>To the overview</Link>
        </p>
      )}
    </section>
  );
}

/** What the form holds, and what became of it. */
function useNewPool() {
  const [draft, setDraft] = useState(EMPTY_DRAFT);
  const [made, setMade] = useState<string | null>(null);
  useGoToPool(made);
  const [problems, setProblems] = useState<Problems>({});
  const [refusal, setRefusal] = useState<string | null>(null);
  const { run, isRunning } = useFormAction(CREATE_POOL);
  const send = async () => {
    const seen = newPoolProblems(draft);
    setProblems(seen);
    setRefusal(null);
    if (Object.keys(seen).length > 0) return;
    const { refusal: no } = await run({ input: newPoolOf(draft) });
    if (no === null) return setMade(draft.name);
    // The one thing that can be taken is the name.
    const field = no.kind === 'Conflict' ? 'name' : no.field;
    if (field !== null && field in draft) setProblems({ [field]: no.message });
    else setRefusal(no.message);
  };
  const change = (part: Partial<NewPoolDraft>) => setDraft((now) => ({ ...now, ...part }));
  return { draft, problems, refusal, isRunning: isRunning || made !== null, send, change };
}

/** Goes to a pool that was made, once it has come: until then there would be nothing to see. */
function useGoToPool(name: string | null): void {
  const [, go] = useLocation();
  const isThere = usePoolNamed(name ?? '') !== undefined;
  useEffect(() => {
    if (name !== null && isThere) go(paths.pool(name));
  }, [name, isThere, go]);
}

function NewPoolForm() {
  const form = useNewPool();
  const { draft, problems } = form;
  const isAway = useStanding() === 'AWAY';
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    void form.send();
  };
  const fields = {
    draft,
    problems,
    onChange: (setting: string, value: string) => form.change({ [setting]: value }),
  };
  return (
    <form className="form" onSubmit={onSubmit} noValidate aria-label="New pool">
      <p className="quiet">What is left empty gets the default that stands below it.</p>
      <div className="fields">
        <WhatItIs draft={draft} problems={problems} change={form.change} />
        {SHOWN.map(([setting, whenEmpty]) => (
          <NumberField key={setting} setting={setting} whenEmpty={whenEmpty} {...fields} />
        ))}
        <WhenEmptyField {...fields} defaultLabel="default: refused; micro-VMs: made" />
        <HowItWorks draft={draft} problems={problems} change={form.change} />
      </div>
      <RefusalNote text={form.refusal} />
      <div className="buttons">
        <PressButton type="submit" isRunning={form.isRunning} isOff={isAway}>
          Make the pool
        </PressButton>
      </div>
    </form>
  );
}

/** What an empty field means; micro-VMs are those of QEMU and FIRECRACKER. */
const SHOWN: readonly (readonly [NumberSetting, string])[] = [
  ['size', 'Default: 3, of micro-VMs 5.'],
  ['maxClusters', 'Default: the size; twice that where clusters are made for claims.'],
  ['sessionTtlMinutes', 'Default: 60.'],
  ['maxTtlMinutes', 'Default: 480.'],
  ['maxWaitSeconds', 'Default: 600.'],
  ['maxSessionsPerOwner', ''],
  ['snapshotMaxAgeSeconds', 'Default: 30 days, of micro-VMs an hour.'],
];

interface PartProps {
  readonly draft: NewPoolDraft;
  readonly problems: Problems;
  readonly change: (part: Partial<NewPoolDraft>) => void;
}

function WhatItIs({ draft, problems, change }: PartProps) {
  return (
    <>
      <TextInput
        label="Name"
        description="A letter, then lower-case letters, digits and dashes. It cannot be changed."
        name="name"
        value={draft.name}
        onChange={(event) => change({ name: event.currentTarget.value })}
        error={problems['name']}
        autoComplete="off"
        required
      />
      <NativeSelect
        label="Provider"
        description="What makes its VMs exist. It cannot be changed."
        name="provider"
        data={PROVIDER_KINDS.map((kind) => ({ value: kind, label: providerLabel(kind) }))}
        value={draft.provider}
        onChange={(event) => change({ provider: event.currentTarget.value })}
        error={problems['provider']}
      />
      <TextInput
        label="Image"
        description="For QEMU and FIRECRACKER: what its VMs start from. Default: base."
        name="image"
        value={draft.image}
        onChange={(event) => change({ image: event.currentTarget.value })}
        error={problems['image']}
        autoComplete="off"
      />
    </>
  );
}

function providerLabel(kind: (typeof PROVIDER_KINDS)[number]): string {
  return `${kind}, ${POOL_SIZE_BOUNDS[kind].min} to ${POOL_SIZE_BOUNDS[kind].max} clusters`;
}

function HowItWorks({ draft, problems, change }: PartProps) {
  return (
    <>
      <NativeSelect
        label="After a session its cluster is"
        description="It cannot be changed."
        name="recycle"
        data={[
          { value: '', label: 'default: put back; micro-VMs: replaced' },
          ...RECYCLE_POLICIES.map((value) => ({ value, label: say(value) })),
        ]}
        value={draft.recycle}
        onChange={(event) => change({ recycle: event.currentTarget.value })}
        error={problems['recycle']}
      />
      <NativeSelect
        label="Identity"
        description="Keys and machine ids. It cannot be changed."
        name="identity"
        data={[
          { value: '', label: 'default: as the provider does it best' },
          ...IDENTITY_MODES.map((value) => ({ value, label: say(value) })),
        ]}
        value={draft.identity}
        onChange={(event) => change({ identity: event.currentTarget.value })}
        error={problems['identity']}
      />
      <Checkbox
        label="Make nothing before the first use"
        description="Default: clusters are made at once."
        name="lazy"
        checked={draft.lazy}
        onChange={(event) => change({ lazy: event.currentTarget.checked })}
        error={problems['lazy']}
      />
    </>
  );
}
