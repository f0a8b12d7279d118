/** As much of noVNC as is used here; the types that others publish are of an older package. */
declare module '@novnc/novnc' {
  /** A viewer of VNC in an element, over a WebSocket. */
  export default class Rfb extends EventTarget {
    constructor(target: Element, channel: WebSocket, options?: { shared?: boolean });
    scaleViewport: boolean;
    focus(): void;
    sendCtrlAltDel(): void;
    clipboardPasteFrom(text: string): void;
    addEventListener(
      type: 'clipboard',
      listener: (event: CustomEvent<{ text: string }>) => void,
    ): void;
    addEventListener(type: 'connect', listener: () => void): void;
  }
}
