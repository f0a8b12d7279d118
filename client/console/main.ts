import { type Address, KIND_WORDS, NO_ADDRESS, readAddress } from './address.ts';
import { tabToken } from '../tab-token.ts';
import { type ConsoleVm, findVm, Refused, ticketFor, TokenWanted } from './ask.ts';
import { endingOf } from './ending.ts';
import { page, showEnd, showNothing, showState } from './page.ts';
import type { View, ViewEvents } from './view.ts';

let view: View | undefined;

const address = readAddress(location.search);
if (address === undefined) showNothing(NO_ADDRESS);
else begin(address);

function begin(asked: Address): void {
  document.title = `Console – Snapyard`;
  page.again.addEventListener('click', () => void connect(asked));
  page.keys.addEventListener('click', () => {
    view?.sendCtrlAltDel?.();
    view?.focus();
  });
  letTextsPass();
  letKeyboardOut();
  page.token.addEventListener('submit', (event) => {
    event.preventDefault();
    tabToken.keep(page.tokenText.value.trim());
    page.token.hidden = true;
    page.place.hidden = false;
    void connect(asked);
  });
  void connect(asked);
}

/** Asks for a ticket of its own each time: one is good for one connection. */
async function connect(asked: Address): Promise<void> {
  showState('CONNECTING');
  try {
    const [vm, shown] = await Promise.all([findVm(asked), loadView(asked)]);
    showVm(asked, vm);
    follow(new WebSocket(await ticketFor(asked)), shown);
  } catch (error) {
    if (error instanceof TokenWanted) return askForToken();
    if (!(error instanceof Refused)) throw error;
    showEnd(error.message);
  }
}

function follow(socket: WebSocket, shown: View): void {
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('open', () => {
    showState('CONNECTED');
    shown.focus();
  });
  socket.addEventListener('close', (event) => showEnd(endingOf(event)));
  shown.attach(socket);
}

/** What draws is fetched when it is known what is to be drawn. */
async function loadView({ kind }: Address): Promise<View> {
  if (view !== undefined) return view;
  const events: ViewEvents = {
    copied: (text) => {
      page.textsText.value = text;
    },
  };
  if (kind === 'SERIAL') view = (await import('./terminal.ts')).openTerminal(page.place);
  else view = (await import('./screen.ts')).openScreen(page.place, events);
  page.clipboard.hidden = false;
  page.keys.hidden = view.sendCtrlAltDel === undefined;
  return view;
}

function showVm({ kind }: Address, { name, cluster, session }: ConsoleVm): void {
  document.title = `${name}, ${KIND_WORDS[kind]} – Snapyard`;
  page.name.textContent = `${name}, ${KIND_WORDS[kind]}`;
  const of = cluster === null ? '' : ` of ${cluster.name}`;
  page.session.textContent =
    session === null ? `No session${of}` : `Session of ${session.owner}${of.replace('of', 'on')}`;
}

function askForToken(): void {
  showNothing('This server wants a token that it knows.');
  page.token.hidden = false;
  page.place.hidden = true;
  page.tokenText.value = '';
  page.tokenText.focus();
}

/** Browsers let a page read the clipboard in some places only; a field works in all. */
function letTextsPass(): void {
  page.clipboard.addEventListener('click', () => page.texts.showModal());
  page.texts.addEventListener('close', () => {
    if (page.texts.returnValue === 'send') view?.paste(page.textsText.value);
    view?.focus();
  });
}

/** All keys go to the VM, but for one way out. */
function letKeyboardOut(): void {
  const leave = (event: KeyboardEvent) => {
    if (event.key !== 'F6' || !event.ctrlKey) return;
    event.preventDefault();
    event.stopPropagation();
    page.clipboard.focus();
  };
  addEventListener('keydown', leave, { capture: true });
}
