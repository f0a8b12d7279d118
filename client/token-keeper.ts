/** Where the token comes from. */
export interface TokenSource {
  /** The bearer token, or what to ask for it each time it is shown; none, or null, for none. */
  readonly token?: string | null | (() => string | null | Promise<string | null>) | undefined;
  /** Asked when the server does not, or no longer, take the token: another, or null for none. */
  readonly refreshToken?: (() => Promise<string | null>) | undefined;
}

/** Knows the token, and gets another when it is refused, once for all who were refused. */
export class TokenKeeper {
  readonly #source: TokenSource;
  readonly #onNone: (refused: string | null) => void;
  #fresh: string | null = null;
  #renewing: Promise<boolean> | undefined;

  /** Calls back when a token was refused and there is no other. */
  constructor(source: TokenSource, onNone: (refused: string | null) => void) {
    this.#source = source;
    this.#onNone = onNone;
  }

  /** The token to show now. */
  async read(): Promise<string | null> {
    const { token = null } = this.#source;
    if (this.#fresh !== null) return this.#fresh;
    return typeof token === 'function' ? await token() : token;
  }

  /** Whether there is another than the one that was refused; rejects when that is not known yet. */
  async renew(refused: string | null): Promise<boolean> {
    if ((await this.read()) !== refused) return true;
    this.#renewing ??= this.#renew(refused).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  async #renew(refused: string | null): Promise<boolean> {
    const { refreshToken } = this.#source;
    const token = refreshToken === undefined ? null : await refreshToken();
    if (token === null) this.#onNone(refused);
    else this.#fresh = token;
    return token !== null;
  }
}

/** The header, or its counterpart in `connection_init`, that shows a token. */
export function authorizationOf(token: string | null): Record<string, string> {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}
