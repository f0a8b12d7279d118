import { z } from 'zod';
import { isRefusal } from './errors.ts';
import { KubernetesError, type ObjectKind, type Where } from './kubernetes.ts';
import { pathOfKind } from './paths.ts';

/** All objects, and the moment as of which they are all. */
export interface Listed {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
}

const PAGE = 500;
const MOST_BEGINNINGS = 3;

const LIST = z.object({
  metadata: z.object({
    resourceVersion: z.string().default(''),
    continue: z.string().optional(),
  }),
  items: z.array(z.unknown()).nullable().default([]),
});

/**
 * Lists page by page. A list whose later pages have expired (410) is begun again: half of an old
 * list and half of a new one would be neither.
 */
export async function listAll(
  kind: ObjectKind<unknown>,
  where: Where,
  get: (path: string) => Promise<unknown>,
): Promise<Listed> {
  for (let beginnings = 1; ; beginnings += 1) {
    try {
      return await listOnce(kind, where, get);
    } catch (error) {
      if (!isRefusal(error, 410) || beginnings >= MOST_BEGINNINGS) throw error;
    }
  }
}

async function listOnce(
  kind: ObjectKind<unknown>,
  where: Where,
  get: (path: string) => Promise<unknown>,
): Promise<Listed> {
  const items: unknown[] = [];
  let next: string | undefined;
  for (;;) {
    const answer = await get(pathOfKind(kind, where, { limit: PAGE, continue: next }));
    const page = LIST.safeParse(answer);
    if (!page.success) {
      throw new KubernetesError(`the server sent a list of ${kind.plural} that is none`, {
        status: 200,
        reason: 'Unreadable',
      });
    }
    items.push(...(page.data.items ?? []));
    next = page.data.metadata.continue;
    if (!next) return { items, resourceVersion: page.data.metadata.resourceVersion };
  }
}
