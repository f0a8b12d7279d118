import { builder, forUser } from './builder.ts';
import { wantedId } from './global-id.ts';
import type { ConsoleTicket } from './model/console.ts';
import { refusals } from './refusal.ts';

/** See schema/model/console.ts. */
export const ConsoleKindEnum = builder.enumType('ConsoleKind', {
  description: 'What kind of stream of a VM.',
  values: {
    SERIAL: { description: 'Its serial console: text.' },
    VNC: { description: 'Its screen: RFB, as viewers of VNC speak it.' },
    SSH: {
      description:
        'The raw connection to its SSH server, for programs: a client of SSH speaks on it. Pages ' +
        'have no use for it.',
    },
  },
});

const ConsoleTicketObject = builder.objectRef<ConsoleTicket>('ConsoleTicket').implement({
  description:
    'A way into one stream of one VM: single-use, good for 60 seconds, forgotten by a restart.',
  authScopes: forUser,
  fields: (t) => ({
    url: t.exposeString('url', {
      description:
        'Where to connect, once: a path of this server, to be opened as a WebSocket on the same ' +
        'origin without a sub-protocol. Binary frames both ways are the bytes of the stream. ' +
        'When it is closed, the reason beside the code is a sentence.',
    }),
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
      'A ticket for one stream of one VM: for the owner of the session that has it, and for ' +
      'admins, who may also look at the VMs of a cluster in ERROR. WrongState where it does not ' +
      'run, was not handed over or has no such stream; `VmHandle.consoles` says which would be ' +
      'had. The console ends with the session or with ERROR, and with the token; opening SERIAL ' +
      'or VNC takes it from whoever had it open. Each is audited.',
    args: {
      input: t.arg({ type: OpenConsoleInput, required: true, description: 'Which stream.' }),
    },
    resolve: (_root, { input }, { verbs }) =>
      verbs.openConsole({ vmId: wantedId('VmHandle', input.vmId), kind: input.kind }),
  }),
);
