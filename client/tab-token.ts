const KEY = 'snapyard-token';

/**
 * The token that was entered in this tab, on whichever of our pages: who has signed in on one is
 * signed in on all of them, until the tab is closed.
 */
export const tabToken = {
  /** Null for none. */
  read: () => sessionStorage.getItem(KEY),
  /** Null forgets it. */
  keep: (token: string | null) =>
    token === null ? sessionStorage.removeItem(KEY) : sessionStorage.setItem(KEY, token),
};
