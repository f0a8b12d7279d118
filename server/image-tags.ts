import type { ImageTags } from '../schema/context.ts';
import { ProviderError } from './providers/provider.ts';
import type { ImageStore } from './providers/image-store.ts';
import type { World } from './world.ts';

/** The registry is asked at most this often, however many look. */
const FRESH_MS = 10_000;
/** Whoever looks waits this long at most: what a request reads besides must not wait longer. */
const PATIENCE_MS = 3_000;
/** How long the registry may take. */
const DEADLINE_MS = 30_000;

/** What is to be done with what was thrown and is no failure of the registry. */
type Fault = (error: unknown, about: string) => void;

/** Asks for the tags of the registry, one question for all who ask at the same time. */
export function askTags(
  images: Pick<ImageStore, 'tags'>,
  world: World,
  fault: Fault,
): () => Promise<ImageTags> {
  let last: { readonly answer: Promise<ImageTags>; freshUntil: number } | undefined;
  const ask = () => {
    const asked = { answer: tagsWithin(images, world, fault), freshUntil: Infinity };
    // Kept from the answer on, so that a slow registry is not asked twice.
    void asked.answer.then(() => (asked.freshUntil = world.elapsed() + FRESH_MS));
    return asked;
  };
  return () => {
    if (last === undefined || last.freshUntil <= world.elapsed()) last = ask();
    return impatient(last.answer, world);
  };
}

async function tagsWithin(
  images: Pick<ImageStore, 'tags'>,
  world: World,
  fault: Fault,
): Promise<ImageTags> {
  const abort = new AbortController();
  const late = new ProviderError('the registry does not answer', { retryable: true });
  const cancel = world.after(DEADLINE_MS, () => abort.abort(late));
  try {
    return { tags: await images.tags(abort.signal), problem: null };
  } catch (error) {
    if (error instanceof ProviderError) return { tags: [], problem: error.reason };
    if (abort.signal.aborted) return { tags: [], problem: late.reason };
    fault(error, 'the tags of the registry cannot be read');
    return { tags: [], problem: 'an internal error' };
  } finally {
    cancel();
  }
}

function impatient(answer: Promise<ImageTags>, world: World): Promise<ImageTags> {
  const problem = 'the registry has not answered yet: ask again in a moment';
  return new Promise((resolve) => {
    const cancel = world.after(PATIENCE_MS, () => resolve({ tags: [], problem }));
    void answer.then((tags) => {
      cancel();
      resolve(tags);
    });
  });
}
