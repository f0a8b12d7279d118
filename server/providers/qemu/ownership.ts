import { ProviderError, type Step } from '../provider.ts';

/** Refuses a step at an object that another installation made, or a later worker has taken over. */
export function refuseIntruder(
  object: { readonly name: string; readonly installation: string; readonly fence: number },
  step: Pick<Step, 'installation' | 'fence'>,
): void {
  if (object.installation !== step.installation) {
    const reason = `${object.name} belongs to another installation`;
    throw new ProviderError(reason, { retryable: false });
  }
  if (object.fence > step.fence) {
    const reason = `${object.name} has been taken over: fence ${step.fence} < ${object.fence}`;
    throw new ProviderError(reason, { retryable: false });
  }
}
