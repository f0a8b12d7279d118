import { FitAddon } from '@xterm/addon-fit';
import { type ITheme, Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import type { View } from './view.ts';

const LIGHT: ITheme = {
  background: '#ffffff',
  foreground: '#17202c',
  cursor: '#17202c',
  cursorAccent: '#ffffff',
  selectionBackground: '#b9cdf8',
  // Those that are light by themselves would not be seen.
  yellow: '#8a5209',
  brightYellow: '#8a5209',
  white: '#566273',
  brightWhite: '#17202c',
  brightGreen: '#157a45',
  brightCyan: '#0f7183',
};

const DARK: ITheme = {
  background: '#10151c',
  foreground: '#e9eef5',
  cursor: '#e9eef5',
  cursorAccent: '#10151c',
  selectionBackground: '#36507f',
};

/** The server reads no larger frames; a long text is sent in pieces. */
const LARGEST_FRAME = 16_384;

/** A serial line as a terminal. */
export function openTerminal(place: HTMLElement): View {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const themeNow = () => (dark.matches ? DARK : LIGHT);
  const terminal = new Terminal({
    fontFamily: 'ui-monospace, "DejaVu Sans Mono", monospace',
    fontSize: 14,
    // Closer together, what hangs below a line would be cut off.
    lineHeight: 1.2,
    scrollback: 5_000,
    cursorBlink: false,
    theme: themeNow(),
  });
  dark.addEventListener('change', () => {
    terminal.options.theme = themeNow();
  });
  const frame = document.createElement('div');
  frame.className = 'line';
  place.replaceChildren(frame);
  fitInto(terminal, frame);
  terminal.attachCustomKeyEventHandler((event) => !isForBrowser(terminal, event));
  let socket: WebSocket | undefined;
  const send = (bytes: Uint8Array<ArrayBuffer>) => sendInPieces(socket, bytes);
  terminal.onData((text) => send(new TextEncoder().encode(text)));
  terminal.onBinary((text) => send(Uint8Array.from(text, (one) => one.charCodeAt(0))));
  return {
    focus: () => terminal.focus(),
    paste: (text) => terminal.paste(text),
    attach: (next) => {
      socket = next;
      next.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
        terminal.write(new Uint8Array(data));
      });
    },
  };
}

function fitInto(terminal: Terminal, place: HTMLElement): void {
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(place);
  fit.fit();
  new ResizeObserver(() => fit.fit()).observe(place);
}

/**
 * Copying and pasting are the browser's: Ctrl-C copies what is marked, and else interrupts. The
 * mark goes with it, so that the next Ctrl-C interrupts.
 */
function isForBrowser(terminal: Terminal, event: KeyboardEvent): boolean {
  if (event.type !== 'keydown' || event.altKey || !(event.ctrlKey || event.metaKey)) return false;
  const key = event.key.toLowerCase();
  if (key === 'v') return true;
  if (key !== 'c' || !terminal.hasSelection()) return false;
  setTimeout(() => terminal.clearSelection());
  return true;
}

function sendInPieces(socket: WebSocket | undefined, bytes: Uint8Array<ArrayBuffer>): void {
  if (socket?.readyState !== WebSocket.OPEN) return;
  for (let at = 0; at < bytes.length; at += LARGEST_FRAME) {
    socket.send(bytes.subarray(at, at + LARGEST_FRAME));
  }
}
