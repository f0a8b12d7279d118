/**
 * Does several things at once. When one fails the others are given up, and only when all have
 * come to rest is that told: nothing of a failed step goes on beside the next one.
 */
export async function together<Given extends { readonly signal: AbortSignal }, T>(
  given: Given,
  jobs: readonly ((given: Given) => Promise<T>)[],
): Promise<T[]> {
  const failed = new AbortController();
  const shared = { ...given, signal: AbortSignal.any([given.signal, failed.signal]) };
  const errors: unknown[] = [];
  const outcomes = await Promise.allSettled(
    jobs.map(async (job) => {
      try {
        return await job(shared);
      } catch (error) {
        errors.push(error);
        failed.abort(error);
        throw error;
      }
    }),
  );
  if (errors.length > 0) throw errors[0];
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}
