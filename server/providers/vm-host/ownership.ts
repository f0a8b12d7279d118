import { ProviderError, type Step } from '../provider.ts';

/** Refuses a step at an object that another installation made. */
export function refuseForeign(
  object: { readonly name: string; readonly installation: string },
  step: Pick<Step, 'installation'>,
): void {
  if (object.installation === step.installation) return;
  throw new ProviderError(`${object.name} belongs to another installation`, { retryable: false });
}

/** Refuses a step at an object of others, or one that a later worker has taken over. */
export function refuseIntruder(
  object: { readonly name: string; readonly installation: string; readonly fence: number },
  step: Pick<Step, 'installation' | 'fence'>,
): void {
  refuseForeign(object, step);
  if (object.fence > step.fence) {
    const reason = `${object.name} has been taken over: fence ${step.fence} < ${object.fence}`;
    throw new ProviderError(reason, { retryable: false });
  }
}
