// A socket that stands in for the global `WebSocket`: messages are delivered by calling what a client gave it,
// so that what is measured is all that a client does with a message, and nothing of what a network does.

let waiting = () => undefined;

class Socket extends EventTarget {
  static OPEN = 1;
  readyState = 0;

  constructor() {
    super();
    waiting(this);
  }

  /** Tells its client, in either way to listen, that it is open. */
  open() {
    this.readyState = Socket.OPEN;
    this.onopen?.(new Event("open"));
    this.dispatchEvent(new Event("open"));
  }

  send() {}

  close() {}
}

globalThis.WebSocket = Socket;

/** The socket that is made next, as soon as its client listens to it. */
export const nextSocket = () => new Promise((resolve) => (waiting = resolve));
