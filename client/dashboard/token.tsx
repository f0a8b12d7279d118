import { Button, PasswordInput } from '@mantine/core';
import { type SubmitEvent, useState } from 'react';

/** What the server says before anybody is known, and to a token that it does not know. */
const REASONS = {
  FIRST: 'This server wants a token that it knows.',
  OTHER: 'The server does not know this token, or no longer. Try another.',
} as const;

interface TokenFormProps {
  wanted: keyof typeof REASONS;
  onToken: (token: string) => void;
}

/** Asks for a token. */
export function TokenForm({ wanted, onToken }: TokenFormProps) {
  const [token, setToken] = useState('');
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    if (token.trim() !== '') onToken(token.trim());
  };
  return (
    <form className="card token" onSubmit={onSubmit}>
      <h1>Who are you?</h1>
      <p role="alert">{REASONS[wanted]}</p>
      <PasswordInput
        label="Token"
        description="It is kept in this tab until you close it."
        autoComplete="off"
        value={token}
        onChange={(event) => setToken(event.currentTarget.value)}
      />
      <Button type="submit">Go on</Button>
    </form>
  );
}
