import type { BayeuxOptions, Draft } from "./types.js";

/** What the core asks the page for on the way to the server and back. */
export interface Hooks {
  /** Which requests cookies go with. */
  readonly credentials: RequestCredentials;
  /** A WebSocket, or what behaves like one. */
  socket(url: string): WebSocketLike;
  /** What is sent in place of a batch. */
  outgoing(batch: string, headers: Headers): string | Promise<string>;
  /** What is taken in place of a batch that came. */
  incoming(batch: string, headers: Headers): string | Promise<string>;
}

/** What the core uses of a WebSocket. */
export type WebSocketLike = Pick<WebSocket, "close" | "onclose" | "onmessage" | "onopen" | "send">;

/** The hooks of a client with these options; `failed` is told what an extension throws. */
export function createHooks(options: BayeuxOptions, failed: (cause: unknown) => void): Hooks {
  const { extensions = [], auth, requestHeaders, credentials = "same-origin", protocol } = options;
  const out = [...extensions, ...(auth === undefined ? [] : [auth])];
  const into = [...(auth === undefined ? [] : [auth]), ...extensions];
  const isHooked = out.length > 0;

  const pass = async (
    batch: string,
    call: (payload: Draft[]) => Promise<void>,
  ): Promise<string> => {
    try {
      const parsed: unknown = JSON.parse(batch);
      const payload = (Array.isArray(parsed) ? parsed : [parsed]) as Draft[];
      await call(payload);
      return JSON.stringify(payload);
    } catch (cause) {
      failed(cause);
      throw cause;
    }
  };
  const outgoing = (batch: string, headers: Headers | null): string | Promise<string> =>
    isHooked
      ? pass(batch, async (payload) => {
          for (const extension of out) await extension.outgoing?.(payload, headers);
        })
      : batch;
  const incoming = (batch: string, headers: Headers | null): string | Promise<string> =>
    isHooked
      ? pass(batch, async (payload) => {
          for (const extension of into) await extension.incoming?.(payload, headers);
        })
      : batch;

  const cookies = new Map<string, string>();
  return {
    credentials,
    socket(url) {
      const socket = new WebSocket(url, protocol);
      return isHooked
        ? new HookedSocket(
            socket,
            (batch) => outgoing(batch, null),
            (batch) => incoming(batch, null),
          )
        : socket;
    },
    outgoing(batch, headers) {
      const add = (more: HeadersInit | undefined): string | Promise<string> => {
        new Headers(more).forEach((value, name) => {
          headers.set(name, value);
        });
        if (cookies.size > 0) headers.set("Cookie", [...cookies.values()].join("; "));
        return outgoing(batch, headers);
      };
      // At once where it can be: a page that is left waits for nothing.
      return typeof requestHeaders === "function" ? Promise.resolve(requestHeaders()).then(add) : add(requestHeaders);
    },
    incoming(batch, headers) {
      // Browsers keep cookies themselves, and show none. Elsewhere nobody else does, and a session has one.
      for (const cookie of headers.getSetCookie()) {
        const [pair = ""] = cookie.split(";", 1);
        cookies.set(pair.split("=", 1)[0] ?? "", pair);
      }
      return incoming(batch, headers);
    },
  };
}

type Hook = (batch: string) => string | Promise<string>;

/** A WebSocket whose messages go through hooks, in their order. */
class HookedSocket implements WebSocketLike {
  readonly #socket: WebSocket;
  readonly #outgoing: Hook;
  readonly #incoming: Hook;
  #sent: Promise<void> = Promise.resolve();
  #received: Promise<void> = Promise.resolve();
  onmessage: WebSocket["onmessage"] = null;

  constructor(socket: WebSocket, outgoing: Hook, incoming: Hook) {
    this.#socket = socket;
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    socket.onmessage = (event: MessageEvent<unknown>): void => {
      this.#received = this.#received
        .then(async () => {
          const { data } = event;
          const changed = typeof data === "string" ? await this.#incoming(data) : data;
          this.onmessage?.call(socket, new MessageEvent("message", { data: changed }));
        })
        .catch(() => {
          this.#fail();
        });
    };
  }

  get onopen(): WebSocket["onopen"] {
    return this.#socket.onopen;
  }

  set onopen(listener: WebSocket["onopen"]) {
    this.#socket.onopen = listener;
  }

  get onclose(): WebSocket["onclose"] {
    return this.#socket.onclose;
  }

  set onclose(listener: WebSocket["onclose"]) {
    this.#socket.onclose = listener;
  }

  send(batch: string): void {
    this.#sent = this.#sent
      .then(async () => {
        const changed = await this.#outgoing(batch);
        if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(changed);
      })
      .catch(() => {
        this.#fail();
      });
  }

  close(code?: number, reason?: string): void {
    // What was said before goes first.
    void this.#sent.then(() => {
      this.#socket.close(code, reason);
    });
  }

  /** A hook failed: what it had is lost, and with it the connection. */
  #fail(): void {
    this.#socket.close(4000, "an extension of the page failed");
  }
}
