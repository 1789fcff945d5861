import type { MirrorballError } from "../errors.js";
import { ServerError, TransportTimeoutError } from "./errors.js";
import type { Queue } from "./queue.js";
import type { BayeuxMessage } from "./types.js";

/** What an {@link Inbox} asks of its client. */
export interface InboxOwner {
  /** Whether there is a connection. */
  readonly isConnected: () => boolean;
  /** Why nothing will come any more, where that is so. */
  readonly ending: () => MirrorballError | undefined;
}

/** Messages that wait to be received. */
export class Inbox {
  readonly #queue: Queue<BayeuxMessage>;
  readonly #owner: InboxOwner;
  /** Called where something happened that somebody may wait for. */
  readonly #waiting = new Set<() => void>();

  constructor(queue: Queue<BayeuxMessage>, owner: InboxOwner) {
    this.#queue = queue;
    this.#owner = owner;
  }

  get length(): number {
    return this.#queue.length;
  }

  put(message: BayeuxMessage): void {
    this.#queue.put(message);
    this.wake();
  }

  /** The next message; a connection that is lost may take `timeout` milliseconds to come back. */
  async receive(timeout: number): Promise<BayeuxMessage> {
    for (;;) {
      const message = this.#queue.take();
      if (message !== undefined) {
        if (message.successful === false) throw new ServerError("Publish request failed.", message);
        return message;
      }
      const ending = this.#owner.ending();
      if (ending !== undefined) throw ending;
      if (!(await this.#happened(this.#owner.isConnected() ? Infinity : timeout))) {
        throw new TransportTimeoutError("Lost connection with the server.");
      }
    }
  }

  /** Something happened. */
  wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Waits until something happened, for so many milliseconds at most; returns whether it did. */
  #happened(timeout: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (happened: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve(happened);
      };
      const wake = (): void => {
        settle(true);
      };
      const late = (): void => {
        settle(false);
      };
      const timer = Number.isFinite(timeout) ? setTimeout(late, timeout) : undefined;
      this.#waiting.add(wake);
    });
  }
}
