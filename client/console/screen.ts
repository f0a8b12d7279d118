import Rfb from '@novnc/novnc';
import type { View, ViewEvents } from './view.ts';

/** A screen, scaled to the window. */
export function openScreen(place: HTMLElement, { copied }: ViewEvents): View {
  let rfb: Rfb | undefined;
  return {
    focus: () => rfb?.focus(),
    paste: (text) => rfb?.clipboardPasteFrom(text),
    sendCtrlAltDel: () => rfb?.sendCtrlAltDel(),
    attach: (socket) => {
      const frame = document.createElement('div');
      frame.className = 'screen';
      place.replaceChildren(frame);
      // Before the library hears of it, which takes its picture away.
      socket.addEventListener('close', () => keepPicture(frame));
      rfb = new Rfb(frame, socket, { shared: true });
      rfb.scaleViewport = true;
      rfb.addEventListener('clipboard', ({ detail }) => copied(detail.text));
      rfb.addEventListener('connect', () => rfb?.focus());
    },
  };
}

/** What was last seen stays to be looked at. */
function keepPicture(frame: HTMLElement): void {
  const canvas = frame.querySelector('canvas');
  if (canvas === null || canvas.width === 0) return;
  const picture = document.createElement('img');
  picture.alt = 'What the screen showed last';
  picture.src = canvas.toDataURL();
  frame.append(picture);
}
