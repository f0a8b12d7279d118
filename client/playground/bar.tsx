import { type SubmitEvent, useId, useState } from 'react';
import type { StreamState } from './stream.ts';
import { sentenceOf, type Viewing } from './viewing.ts';

/** What the bar above the editor shows. */
export interface BarProps {
  readonly viewing: Viewing;
  readonly stream: StreamState;
  /** Whether this server asks for tokens; without, there is nobody else to be. */
  readonly wantsTokens: boolean;
  readonly onToken: (token: string) => void;
}

const STREAMS: Readonly<Record<StreamState, string>> = {
  NONE: '',
  LIVE: 'A subscription is running.',
  BROKEN: 'The line to the server broke. Run the subscription again.',
};

/** The way back, who we are, how the stream goes, and the token. */
export function Bar({ viewing, stream, wantsTokens, onToken }: BarProps) {
  const isRefused = viewing.kind === 'UNKNOWN' || viewing.kind === 'AWAY';
  return (
    <header className="bar">
      <a href="/">← Dashboard</a>
      <h1>Playground</h1>
      <p role="status" className={isRefused ? 'who refused' : 'who'}>
        {sentenceOf(viewing)}
      </p>
      <p role="status" className="stream" data-stream={stream}>
        {STREAMS[stream]}
      </p>
      {wantsTokens && <TokenEntry onToken={onToken} />}
    </header>
  );
}

/** Takes a token; the page then shows what the server shows to that one. */
function TokenEntry({ onToken }: Pick<BarProps, 'onToken'>) {
  const id = useId();
  const [token, setToken] = useState('');
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    onToken(token.trim());
    setToken('');
  };
  return (
    <form className="token" onSubmit={submit}>
      <label htmlFor={id}>Token</label>
      <input
        id={id}
        type="password"
        autoComplete="off"
        spellCheck={false}
        title="Kept in this tab until you close it. Empty: back to the one that opened this page."
        value={token}
        onChange={(event) => setToken(event.target.value)}
      />
      <button type="submit">Go on</button>
    </form>
  );
}
