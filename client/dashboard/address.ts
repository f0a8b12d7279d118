import { useSearchParams } from 'wouter';

/**
 * A choice that is kept in the address, so that a reload and the way back find it as it was. What
 * is chosen takes the place of what was: the way back leads to the page before. What stands for no
 * choice is left out.
 */
export function useChoice(
  name: string,
  none = '',
): readonly [choice: string, choose: (value: string) => void] {
  const [params, setParams] = useSearchParams();
  const choose = (value: string) =>
    setParams((before) => withChoice(before, name, value === none ? null : value), {
      replace: true,
    });
  return [params.get(name) ?? none, choose];
}

/** An address' choices with one of them made otherwise; null takes it back. */
export function withChoice(
  params: URLSearchParams,
  name: string,
  value: string | null,
): URLSearchParams {
  const next = new URLSearchParams(params);
  if (value === null) next.delete(name);
  else next.set(name, value);
  return next;
}
