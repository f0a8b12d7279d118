import { Button } from '@mantine/core';
import { useEffect, useState } from 'react';

/** How long it is said that it was copied. */
const SAID_MS = 2_000;

/** Copies a text. Browsers allow it only where the line is safe: elsewhere it is not offered. */
export function CopyButton({ text, about }: { text: string; about: string }) {
  const [isCopied, setIsCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return undefined;
    const timer = setTimeout(() => setIsCopied(false), SAID_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  if (!window.isSecureContext) return null;
  const copy = () => {
    void navigator.clipboard.writeText(text).then(
      () => setIsCopied(true),
      () => setIsCopied(false),
    );
  };
  return (
    <Button size="compact-xs" variant="default" onClick={copy}>
      <span aria-live="polite">{isCopied ? 'Copied' : 'Copy'}</span>
      <span className="unseen"> {about}</span>
    </Button>
  );
}
