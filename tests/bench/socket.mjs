// A socket that delivers what it is told to, when it is told to: it stands in for the global `WebSocket`, so
// that what is measured is all that a client does with a message, and nothing of what a network does.

/** Replaces the global `WebSocket`; returns what `open`s a client and has it hold a state. */
export function standIn() {
  let latest;
  class Socket extends EventTarget {
    static CONNECTING = 0;
    static OPEN = 1;
    static CLOSED = 3;
    readyState = Socket.CONNECTING;
    onopen = null;
    onmessage = null;
    onclose = null;

    constructor() {
      super();
      latest = this;
    }

    send() {}

    close() {
      this.readyState = Socket.CLOSED;
    }

    opened() {
      this.readyState = Socket.OPEN;
      this.onopen?.(new Event("open"));
      this.dispatchEvent(new Event("open"));
    }

    /** Delivers a text to whoever listens, in either way. */
    deliver(event) {
      if (this.onmessage) this.onmessage(event);
      else this.dispatchEvent(event);
    }
  }
  globalThis.WebSocket = Socket;
  return () => latest;
}
