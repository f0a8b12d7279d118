import { Button, type ButtonProps } from '@mantine/core';
import { type MouseEvent, type ReactNode, useRef } from 'react';
import { useFocusKept } from './focus.ts';
import './press-button.css';

interface PressButtonProps extends Omit<ButtonProps, 'disabled' | 'loading'> {
  readonly children: ReactNode;
  readonly onClick?: () => void;
  readonly type?: 'button' | 'submit';
  /** What it has begun is not done yet. */
  readonly isRunning?: boolean;
  /** It cannot be pressed now. */
  readonly isOff?: boolean;
}

/**
 * A button that keeps the focus of the keyboard while it does nothing: one that is disabled would
 * lose it to the page's begin. When it goes away, the focus goes to what was around it.
 */
export function PressButton(props: PressButtonProps) {
  const { onClick, isRunning = false, isOff = false, children, ...look } = props;
  const button = useRef<HTMLButtonElement>(null);
  useFocusKept(button);
  const press = (event: MouseEvent) => {
    if (isRunning || isOff) event.preventDefault();
    else onClick?.();
  };
  return (
    <Button
      {...look}
      ref={button}
      aria-disabled={isRunning || isOff}
      aria-busy={isRunning}
      mod={{ disabled: isOff && !isRunning }}
      onClick={press}
    >
      {children}
    </Button>
  );
}
