import { Button, type ButtonProps, Group, Modal, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import type { ReactNode } from 'react';
import type { AnyVariables, TypedDocumentNode } from 'urql';
import { useStanding } from './live.ts';
import { PressButton } from './press-button.tsx';
import type { Answers } from './refusal.tsx';
import { useAction } from './use-action.ts';

/** A button that does one mutation. */
export interface ActionButtonProps<Data extends Answers, Variables extends AnyVariables> {
  readonly document: TypedDocumentNode<Data, Variables>;
  readonly variables: Variables;
  /** What it does, in a word or two: the button's text. */
  readonly label: string;
  /** What it does it to, for who cannot see where the button stands: `cluster1`. */
  readonly about: string;
  /** What will be lost, in a sentence: asks before it acts. */
  readonly confirm?: string | undefined;
  /** What comes next; not called when the user has gone to another page meanwhile. */
  readonly onDone?: ((data: Data) => void) | undefined;
  /** How it looks, as Mantine's Button takes it. */
  readonly look?: Pick<ButtonProps, 'variant' | 'color' | 'size' | 'leftSection'>;
}

/** Does one mutation, after asking where something is lost; without a line it waits. */
export function ActionButton<Data extends Answers, Variables extends AnyVariables>(
  props: ActionButtonProps<Data, Variables>,
): ReactNode {
  const { document, variables, label, about, confirm, onDone, look } = props;
  const { run, isRunning } = useAction(document);
  const [isAsking, { open, close }] = useDisclosure(false);
  const isAway = useStanding() === 'AWAY';
  const act = async () => {
    close();
    const { pathname } = window.location;
    const data = await run(variables);
    // The button itself may have gone by then: what was done may be what takes it away.
    if (data !== null && window.location.pathname === pathname) onDone?.(data);
  };
  return (
    <>
      <PressButton
        size="compact-sm"
        variant="default"
        {...look}
        isRunning={isRunning}
        isOff={isAway}
        onClick={confirm === undefined ? () => void act() : open}
      >
        {label}
        <span className="unseen"> {about}</span>
      </PressButton>
      {confirm !== undefined && (
        <Modal opened={isAsking} onClose={close} title={`${label} ${about}?`}>
          <Text mb="md">{confirm}</Text>
          <Group justify="flex-end">
            <Button variant="default" onClick={close} data-autofocus>
              Cancel
            </Button>
            <Button color="red" onClick={() => void act()}>
              {label}
            </Button>
          </Group>
        </Modal>
      )}
    </>
  );
}
