/** What shows a stream: a terminal or a screen. */
export interface View {
  /** Shows what comes from this socket, and sends there what is typed. */
  attach(socket: WebSocket): void;
  focus(): void;
  /** Sends a text as if it were pasted. */
  paste(text: string): void;
  /** Only a screen has these three keys: browsers keep them for themselves. */
  sendCtrlAltDel?(): void;
}

/** What a view tells the page. */
export interface ViewEvents {
  /** The VM copied a text. */
  readonly copied: (text: string) => void;
}
