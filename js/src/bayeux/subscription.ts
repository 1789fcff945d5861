import { report } from "../emitter.js";
import type { Queue } from "./queue.js";
import type { BayeuxMessage } from "./types.js";

/** What a {@link Subscription} asks of its client. */
export interface SubscriptionOwner<Data> {
  /** A queue for messages that are iterated over. */
  queue(): Queue<BayeuxMessage<Data>>;
  /** Ends the subscription; resolves once the server knows, where it has to. */
  end(subscription: Subscription<Data>): Promise<void>;
}

/**
 * Messages of a channel or pattern, from when the server agreed until it is ended: by {@link unsubscribe}, by leaving a loop over
 * it, by the signal it was made with, or with `await using`.
 */
export class Subscription<Data = unknown> implements AsyncIterable<BayeuxMessage<Data>>, AsyncDisposable {
  /** What is subscribed to. */
  readonly channel: string;
  readonly #owner: SubscriptionOwner<Data>;
  readonly #listener: ((message: BayeuxMessage<Data>) => void) | undefined;
  #queue: Queue<BayeuxMessage<Data>> | undefined;
  #wake: (() => void) | undefined;
  #isEnded = false;

  /** @internal */
  constructor(
    channel: string,
    owner: SubscriptionOwner<Data>,
    listener: ((message: BayeuxMessage<Data>) => void) | undefined,
  ) {
    this.channel = channel;
    this.#owner = owner;
    this.#listener = listener;
  }

  /** Whether it was ended, or the server ended it. */
  get closed(): boolean {
    return this.#isEnded;
  }

  /**
   * Ends it, and resolves once the server knows. It goes on for others who subscribed to the same.
   *
   * @throws {@link ServerError} where the server refuses
   */
  async unsubscribe(): Promise<void> {
    if (!this.#isEnded) await this.#owner.end(this);
  }

  /** As {@link unsubscribe}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.unsubscribe();
  }

  /** Its messages from the first loop on, in order. Several loops share them. */
  async *[Symbol.asyncIterator](): AsyncGenerator<BayeuxMessage<Data>, void, undefined> {
    const queue = (this.#queue ??= this.#owner.queue());
    try {
      for (;;) {
        const message = queue.take();
        if (message !== undefined) yield message;
        else if (this.#isEnded) return;
        else {
          await new Promise<void>((wake) => {
            this.#wake = wake;
          });
        }
      }
    } finally {
      await this.unsubscribe().catch(() => undefined);
    }
  }

  /** Begins to keep messages for a loop. */
  collect(): void {
    this.#queue ??= this.#owner.queue();
  }

  /** Takes a message; returns whether anybody does. */
  take(message: BayeuxMessage<Data>): boolean {
    if (this.#queue !== undefined) {
      this.#queue.put(message);
      this.#wake?.();
    }
    try {
      this.#listener?.(message);
    } catch (error) {
      report(error);
    }
    return this.#queue !== undefined || this.#listener !== undefined;
  }

  /** It is over. */
  ended(): void {
    this.#isEnded = true;
    this.#wake?.();
  }
}

/** A {@link Subscription} that the server has not agreed to yet: to be awaited, or to be looped over at once. */
export class SubscriptionRequest<Data = unknown>
  implements PromiseLike<Subscription<Data>>, AsyncIterable<BayeuxMessage<Data>>
{
  readonly #subscription: Subscription<Data>;
  readonly #agreed: Promise<void>;

  /** @internal */
  constructor(subscription: Subscription<Data>, agreed: Promise<void>) {
    this.#subscription = subscription;
    this.#agreed = agreed;
    // Whoever does not wait for it hears of it where it is used.
    agreed.catch(() => undefined);
  }

  /** Waits until the server has agreed. */
  then<Done = Subscription<Data>, Failed = never>(
    done?: ((subscription: Subscription<Data>) => Done | PromiseLike<Done>) | null,
    failed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Done | Failed> {
    return this.#agreed.then(() => this.#subscription).then(done, failed);
  }

  /** Its messages, from the moment of the call on. */
  async *[Symbol.asyncIterator](): AsyncGenerator<BayeuxMessage<Data>, void, undefined> {
    this.#subscription.collect();
    await this.#agreed;
    yield* this.#subscription;
  }
}

/** The subscriptions of a page, by what they are subscribed to. */
export class Subscriptions {
  readonly #all = new Map<string, Set<Subscription>>();
  /** Those that the server has not agreed to yet. */
  readonly #asked = new Set<Subscription>();

  /** Whether there is one to this channel or pattern. */
  has(channel: string): boolean {
    return this.#all.has(channel);
  }

  add(subscription: Subscription): void {
    const locals = this.#all.get(subscription.channel) ?? new Set();
    this.#all.set(subscription.channel, locals);
    locals.add(subscription);
    this.#asked.add(subscription);
  }

  /** The server has agreed to one. */
  agree(subscription: Subscription): void {
    this.#asked.delete(subscription);
  }

  /** Ends one, as far as this page goes. */
  end(subscription: Subscription): void {
    const locals = this.#all.get(subscription.channel);
    locals?.delete(subscription);
    this.#asked.delete(subscription);
    if (locals?.size === 0) this.#all.delete(subscription.channel);
    subscription.ended();
  }

  /** Ends those to a channel or pattern, or all of them. */
  endAll(channel?: string): void {
    const channels = channel === undefined ? [...this.#all.keys()] : [channel];
    for (const each of channels) for (const local of [...(this.#all.get(each) ?? [])]) this.end(local);
  }

  /**
   * Hands a message to those to these channels; returns whether anybody takes it. Servers send messages ahead of the reply to
   * the subscription that they come by.
   */
  deliver(message: BayeuxMessage, channels: readonly string[]): boolean {
    const agreed = channels.flatMap((channel) => [...(this.#all.get(channel) ?? [])]);
    const asked = [...this.#asked].filter((it) => !agreed.includes(it) && matches(it.channel, message.channel));
    let isTaken = false;
    for (const local of [...agreed, ...asked]) isTaken = local.take(message) || isTaken;
    return isTaken;
  }
}

/** Whether a channel is this one, or one that the pattern stands for. */
function matches(pattern: string, channel: string): boolean {
  const parent = pattern.replace(/\*{1,2}$/, "");
  if (parent === pattern) return pattern === channel;
  return channel.startsWith(parent) && channel !== parent && (pattern.endsWith("**") || !channel.includes("/", parent.length));
}
