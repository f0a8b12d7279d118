/** Where the dashboard's library keeps what was chosen there. */
const KEY = 'mantine-color-scheme-value';

/** Light or dark as chosen in the dashboard; undefined to go by what the browser prefers. */
export function chosenScheme(): 'light' | 'dark' | undefined {
  const chosen = localStorage.getItem(KEY);
  return chosen === 'light' || chosen === 'dark' ? chosen : undefined;
}
