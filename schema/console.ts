import { builder, forUser } from './builder.ts';
import type { Context } from './context.ts';
import { wantedId } from './global-id.ts';
import { NotFound, WrongState } from './model/refusal.ts';
import { refusals } from './refusal.ts';
import { mayReach } from './vm-handle.ts';

/** A way into one stream of one VM. */
interface ConsoleTicket {
  readonly url: string;
  readonly expiresAt: number;
}

const ConsoleKindEnum = builder.enumType('ConsoleKind', {
  description: 'What kind of stream of a VM.',
  values: {
    SERIAL: { description: 'Its serial console: text.' },
    VNC: { description: 'Its screen.' },
    SSH: { description: 'A shell, by SSH.' },
  },
});

const ConsoleTicketObject = builder.objectRef<ConsoleTicket>('ConsoleTicket').implement({
  description: 'A short-lived, single-use way into one stream of one VM.',
  authScopes: forUser,
  fields: (t) => ({
    url: t.exposeString('url', { description: 'Where to connect, once, by WebSocket.' }),
    expiresAt: t.expose('expiresAt', { type: 'DateTime', description: 'Until when it is good.' }),
  }),
});

const OpenConsoleInput = builder.inputType('OpenConsoleInput', {
  description: 'Which stream of which VM.',
  fields: (t) => ({
    vmId: t.id({ required: true, description: 'The id of the VM.' }),
    kind: t.field({ type: ConsoleKindEnum, required: true, description: 'The kind of stream.' }),
  }),
});

builder.mutationField('openConsole', (t) =>
  t.field({
    type: ConsoleTicketObject,
    authScopes: forUser,
    errors: refusals.consoleTicket,
    description:
      'A short-lived, single-use ticket for one stream of one VM. No provider offers streams ' +
      'yet: it answers WrongState for every VM the viewer may reach.',
    args: {
      input: t.arg({ type: OpenConsoleInput, required: true, description: 'Which stream.' }),
    },
    resolve: (_root, { input }, context) => refuseStream(input.vmId, context),
  }),
);

function refuseStream(vmId: string, context: Context): never {
  const vm = context.reads.vmHandle(wantedId('VmHandle', vmId));
  if (vm === undefined || !mayReach(vm, context)) throw new NotFound('VM');
  throw new WrongState('this VM has no such stream', vm.phase);
}
