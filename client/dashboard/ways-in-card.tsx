import { Group } from '@mantine/core';
import { use, useState } from 'react';
import { useClient } from 'urql';
import { graphql } from '../graphql.ts';
import { PAST_CACHE } from '../past-cache.ts';
import type { Session } from '../subject.ts';
import { ActionScope, RefusalContext } from './action-scope.tsx';
import { CopyButton } from './copy-button.tsx';
import { download } from './download.ts';
import { useStanding } from './live.ts';
import { PressButton } from './press-button.tsx';
import { whyNot } from './refusal.tsx';
import { fileNames, isWebAddress, sshLines, type WaysIn } from './ways-in.ts';

const WAYS_IN = graphql(`
  query WaysIn($id: ID!) {
    session(id: $id) {
      vms {
        id
        name
        ipAddress
      }
      access {
        kubeconfig
        sshUser
        sshPrivateKey
        endpoints {
          name
          url
          vm {
            id
            name
          }
        }
      }
    }
  }
`);

/**
 * How to get into the VMs of a session. Each look is written down, so it is asked for only by a
 * press of the button, past the cache, so that nothing of it stays there and nothing asks anew by
 * itself. What came is forgotten with the card: when the session ends, too.
 */
export function WaysInCard({ session }: { session: Session }) {
  return (
    <section className="card" aria-label="Access">
      <h2>Access</h2>
      <ActionScope>
        {session.accessReady ? <WaysInOnce session={session} /> : <NotReady />}
      </ActionScope>
    </section>
  );
}

function NotReady() {
  return (
    <>
      <p className="quiet">
        The ways in are not known yet. VMs without a network have none: their console is the way.
      </p>
      <Group>
        <PressButton isOff>Show access</PressButton>
      </Group>
    </>
  );
}

function WaysInOnce({ session }: { session: Session }) {
  const [ways, setWays] = useState<WaysIn | null>(null);
  const { ask, isAsking } = useWaysIn(session.id);
  const isAway = useStanding() === 'AWAY';
  if (ways !== null)
    return <ShownWaysIn session={session} ways={ways} onHide={() => setWays(null)} />;
  return (
    <>
      <p className="quiet">
        Its kubeconfig, its key and its addresses. The server keeps a record of who looked.
      </p>
      <Group>
        <PressButton
          variant="default"
          isRunning={isAsking}
          isOff={isAway}
          onClick={() => void ask().then(setWays)}
        >
          Show access
        </PressButton>
      </Group>
    </>
  );
}

function useWaysIn(id: string) {
  const client = useClient();
  const tell = use(RefusalContext);
  const [isAsking, setIsAsking] = useState(false);
  const ask = async (): Promise<WaysIn | null> => {
    setIsAsking(true);
    tell(null);
    const { data, error } = await client.query(WAYS_IN, { id }, PAST_CACHE).toPromise();
    setIsAsking(false);
    const session = data?.session;
    if (session?.access != null) return { vms: session.vms, access: session.access };
    tell(error === undefined ? 'There is no such session any more.' : whyNot({ error }));
    return null;
  };
  return { ask, isAsking };
}

interface ShownWaysInProps {
  session: Session;
  ways: WaysIn;
  onHide: () => void;
}

function ShownWaysIn({ session, ways, onHide }: ShownWaysInProps) {
  const { kubeconfig, sshPrivateKey } = ways.access;
  const files = fileNames(session.assignedCluster?.name ?? session.pool.name);
  return (
    <div className="ways-in">
      <Group>
        {kubeconfig !== null && (
          <PressButton onClick={() => download(files.kubeconfig, kubeconfig)}>
            Download kubeconfig
          </PressButton>
        )}
        {sshPrivateKey !== null && (
          <PressButton onClick={() => download(files.key, sshPrivateKey)}>Download key</PressButton>
        )}
        <PressButton variant="default" onClick={onHide}>
          Hide
        </PressButton>
      </Group>
      {kubeconfig !== null && (
        <>
          <h3>Kubernetes</h3>
          <Line text={`export KUBECONFIG=$PWD/${files.kubeconfig}`} about="the line for kubectl" />
        </>
      )}
      {sshPrivateKey !== null && <SshLines ways={ways} keyFile={files.key} />}
      <Endpoints ways={ways} />
    </div>
  );
}

function SshLines({ ways, keyFile }: { ways: WaysIn; keyFile: string }) {
  const lines = sshLines(ways, keyFile);
  return (
    <>
      <h3>SSH</h3>
      <Line text={`chmod 600 ${keyFile}`} about="the line that makes the key private" />
      {lines.map(({ vmName, line }) => (
        <Line key={vmName} text={line} about={`the line for ${vmName}`} note={vmName} />
      ))}
    </>
  );
}

function Endpoints({ ways }: { ways: WaysIn }) {
  const { endpoints } = ways.access;
  if (endpoints.length === 0) return null;
  return (
    <>
      <h3>Addresses</h3>
      <ul className="endpoints">
        {endpoints.map(({ name, url, vm }) => (
          <li key={`${vm.id} ${name}`}>
            <span className="quiet">
              {name} of {vm.name}
            </span>{' '}
            {isWebAddress(url) ? (
              <a href={url} target="_blank" rel="noreferrer">
                {url}
              </a>
            ) : (
              <code>{url}</code>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

function Line({ text, about, note }: { text: string; about: string; note?: string }) {
  return (
    <p className="line">
      <code>{text}</code> <CopyButton text={text} about={about} />
      {note !== undefined && <span className="quiet">{note}</span>}
    </p>
  );
}
