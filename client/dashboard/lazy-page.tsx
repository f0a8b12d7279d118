import { type ComponentType, useEffect, useState } from 'react';
import { useStanding } from './live.ts';

/** A part of the dashboard that is fetched when it is first looked at, or before. */
export type LazyPage<Props> = ComponentType<Props> & {
  /** Fetches it, so that a look at it need not wait; answers whether it is there. */
  readonly preload: () => Promise<boolean>;
};

/** What a part is called, and what stands in its place until it is there. */
export interface LazyPlace {
  readonly name: string;
  readonly waiting: string;
  readonly className: string;
}

/**
 * A part that outlives a server that is away: it is fetched once there is a line. Browsers remember
 * what could not be fetched for as long as the document lives, so after a failure the document
 * begins anew, once the server has answered, and only once for each build: a part that is missing
 * for good must not make the page begin anew for ever.
 */
export function lazyPage<Props extends object>(
  place: LazyPlace,
  load: () => Promise<{ default: ComponentType<Props> }>,
): LazyPage<Props> {
  const part = new Part(place.name, load);
  const Page = (props: Props) => {
    const { Loaded, hasFailed } = usePart(part);
    if (Loaded !== undefined) return <Loaded {...props} />;
    return <Waiting place={place} hasFailed={hasFailed} />;
  };
  return Object.assign(Page, { preload: async () => (await part.fetch()).Loaded !== undefined });
}

/** What has become of a part so far. */
interface Fetched<Props> {
  readonly Loaded: ComponentType<Props> | undefined;
  readonly hasFailed: boolean;
}

class Part<Props> {
  readonly name: string;
  readonly #load: () => Promise<{ default: ComponentType<Props> }>;
  #fetching: Promise<Fetched<Props>> | undefined;
  /** What is known of it now. */
  fetched: Fetched<Props> = { Loaded: undefined, hasFailed: false };

  constructor(name: string, load: () => Promise<{ default: ComponentType<Props> }>) {
    this.name = name;
    this.#load = load;
  }

  fetch(): Promise<Fetched<Props>> {
    this.#fetching ??= this.#load().then(
      ({ default: Loaded }) => {
        sessionStorage.removeItem(markOf(this.name));
        return this.#keep({ Loaded, hasFailed: false });
      },
      () => this.#keep({ Loaded: undefined, hasFailed: true }),
    );
    return this.#fetching;
  }

  #keep(fetched: Fetched<Props>): Fetched<Props> {
    this.fetched = fetched;
    return fetched;
  }
}

function usePart<Props>(part: Part<Props>): Fetched<Props> {
  const [fetched, setFetched] = useState(part.fetched);
  const standing = useStanding();
  const { Loaded, hasFailed } = fetched;
  useEffect(() => {
    if (Loaded !== undefined || hasFailed || standing === 'AWAY') return;
    void part.fetch().then(setFetched);
  }, [part, Loaded, hasFailed, standing]);
  useEffect(() => {
    if (hasFailed && standing === 'LIVE') void beginAnewOnce(part.name);
  }, [part, hasFailed, standing]);
  return fetched;
}

function Waiting({ place, hasFailed }: { place: LazyPlace; hasFailed: boolean }) {
  const standing = useStanding();
  const { waiting, className } = place;
  if (standing === 'AWAY' || (hasFailed && standing !== 'LIVE'))
    return <p className={className}>This page opens when the server is back.</p>;
  if (!hasFailed) return <p className={className}>{waiting}</p>;
  return (
    <p className={className}>
      The server did not send this page.{' '}
      <button type="button" className="link" onClick={() => location.reload()}>
        Try it again
      </button>
    </p>
  );
}

/** The name under which the tab remembers that it began anew for a part of this build. */
function markOf(name: string): string {
  const build = document.querySelector<HTMLScriptElement>('script[type="module"]')?.src;
  return `snapyard began anew for ${name} of ${build ?? ''}`;
}

/** A line may look alive for some moments after the server has gone: only its answer counts. */
async function beginAnewOnce(name: string): Promise<void> {
  const mark = markOf(name);
  if (sessionStorage.getItem(mark) !== null) return;
  const isThere = await fetch('/', { method: 'HEAD', cache: 'no-store' }).then(
    ({ ok }) => ok,
    () => false,
  );
  if (!isThere) return;
  sessionStorage.setItem(mark, 'yes');
  location.reload();
}
