import { Emitter, type ListenOptions } from "../emitter.js";
import { asError, ClosedError, InternalError, type MirrorballError, ProtocolError } from "../errors.js";
import { encode, encodeMembers as members } from "../encode.js";
import { type Instance, Loader } from "../load.js";
import type { Wasm } from "../source.js";
import type { Status } from "../types.js";
import { throwIfAborted, Waiting } from "../waiting.js";
import { onLeave, onWake } from "../wake.js";
import { type BayeuxCore, BayeuxFigure, BayeuxTold, type End, type Glue, instantiate, Unfollowed } from "../wasm/bayeux.js";
import { ending } from "./endings.js";
import { ClientError, ClientInvalidOperation, ServerError } from "./errors.js";
import { createHooks, type Hooks } from "./hooks.js";
import { Inbox } from "./inbox.js";
import { Queue } from "./queue.js";
import { failure, refused, unfollowed } from "./replies.js";
import { encodeSettings } from "./settings.js";
import { readStatus } from "./status.js";
import { Subscription, SubscriptionRequest, Subscriptions } from "./subscription.js";
import type {
  BayeuxEvents,
  BayeuxMessage,
  BayeuxOptions,
  ConnectionType,
  PublishOptions,
  BayeuxSubscribeOptions,
} from "./types.js";
import { waysTo } from "./ways.js";

/** One instance of the module for all clients of a page. */
const loader = new Loader<Glue>(instantiate);

const CONNECTION_TIMEOUT = 10_000;
const MAX_PENDING_COUNT = 100;

interface Opening {
  resolve(): void;
  reject(error: MirrorballError): void;
}

/** The client, as every entry has it. An entry only says where the WebAssembly module is. */
export class Bayeux<Channels extends object = Record<string, unknown>>
  implements AsyncDisposable, AsyncIterable<BayeuxMessage>
{
  readonly #wasm: Wasm;
  readonly #events = new Emitter<BayeuxEvents>();
  readonly #requests = new Waiting<BayeuxMessage>();
  readonly #types: readonly ConnectionType[];
  readonly #addresses: string;
  readonly #settings: Float64Array;
  readonly #hooks: Hooks;
  readonly #options: BayeuxOptions;
  readonly #capacity: number;
  readonly #inbox: Inbox;
  /** What is subscribed to here, by channel. */
  readonly #local = new Subscriptions();
  #full = 0;
  #core: BayeuxCore | undefined;
  #loading = false;
  #leave: (() => void) | undefined;
  #opening: Opening | undefined;
  #closing: (() => void) | undefined;
  #ended: ServerError | undefined;
  #lastMeta: BayeuxMessage | null = null;
  #lastType: ConnectionType | null = null;
  #status: Status = {
    state: "closed",
    retries: 0,
    nextRetryAt: null,
    everConnected: false,
    inFlight: 0,
    lastError: null,
  };

  /** What an entry makes; `wasm` is asked for the module. */
  constructor(url: string | URL | undefined = "/cometd", options: BayeuxOptions | undefined = {}, wasm: Wasm) {
    const ways = waysTo(url, options);
    this.#types = ways.map(({ type }) => type);
    this.#addresses = ways.map(({ address }) => address).join("\n");
    this.#settings = encodeSettings(options, ways.length);
    this.#options = options;
    this.#wasm = wasm;
    this.#hooks = createHooks(options, (cause) => {
      this.#events.emit("error", new ClientError("an extension failed", { cause }));
    });
    this.#capacity = options.maxPendingCount ?? MAX_PENDING_COUNT;
    this.#inbox = new Inbox(this.#queue(), {
      isConnected: () => this.#status.state === "connected",
      ending: () => this.#ended ?? (this.#core === undefined ? nothingLeft() : undefined),
    });
    options.signal?.addEventListener("abort", () => void this.close(), { once: true });
  }

  /**
   * Shakes hands and connects. A client that was closed may be opened again.
   *
   * @throws {@link ClientInvalidOperation} where it is open
   * @throws {@link ServerError} where the server refuses the handshake
   * @throws {@link ClientError} where the server speaks over none of the connection types
   * @throws {@link TransportError} where the server is not reached
   */
  async open(): Promise<void> {
    if (this.#core !== undefined || this.#loading) throw unfollowed(Unfollowed.Open);
    if (this.#options.signal?.aborted) throw new ClosedError("the client's signal is aborted");
    this.#loading = true;
    this.#ended = undefined;
    try {
      const instance = await loader.load(this.#wasm);
      // TypeScript does not see that somebody may have closed it meanwhile.
      if (!(this.#loading as boolean)) throw new ClosedError("the client was closed");
      this.#start(instance);
    } catch (error) {
      throw asError(error);
    } finally {
      this.#loading = false;
    }
    await new Promise<void>((resolve, reject) => {
      this.#opening = { resolve, reject };
      this.#core?.open();
    });
  }

  /** Says goodbye to the server and closes. Messages that wait can still be received. */
  async close(): Promise<void> {
    const core = this.#core;
    this.#loading = false;
    if (core === undefined) return;
    if (this.#closing === undefined) {
      const closed = new Promise<void>((resolve) => {
        this.#closing = resolve;
      });
      core.close();
      await closed;
    } else {
      core.close();
    }
  }

  /** As {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Whether the client is not open, or not yet. */
  get closed(): boolean {
    return this.#core === undefined || this.#opening !== undefined;
  }

  /** What is subscribed to, as the server said. */
  get subscriptions(): ReadonlySet<string> {
    return new Set(this.#core?.subscriptions.split("\n").filter((channel) => channel !== "") ?? []);
  }

  /** The way to the server that is used, or was used last; `null` before there was one. */
  get connectionType(): ConnectionType | null {
    return this.#noteType();
  }

  /** The session's name; `null` while there is none. */
  get clientId(): string | null {
    const id = this.#core?.clientId ?? "";
    return id === "" ? null : id;
  }

  /** Messages that wait to be received. */
  get pendingCount(): number {
    return this.#inbox.length;
  }

  /** Whether messages wait to be received. */
  get hasPendingMessages(): boolean {
    return this.#inbox.length > 0;
  }

  /** The connection's status. */
  get status(): Status {
    return this.#status;
  }

  /** How far the server's clock is ahead of this one's, in milliseconds; with the option `timesync`. */
  get timeOffset(): number {
    return this.#core?.figure(BayeuxFigure.TimeOffset) ?? 0;
  }

  /** How long a message takes to the server, in milliseconds; with the option `timesync`. */
  get networkLag(): number {
    return this.#core?.figure(BayeuxFigure.NetworkLag) ?? 0;
  }

  /** What the server's clock shows, as far as is known. */
  get serverTime(): Date {
    return new Date(Date.now() + this.timeOffset);
  }

  /** Calls `listener` with each event of this name; returns what ends that. */
  on<Name extends keyof BayeuxEvents>(
    name: Name,
    listener: (event: BayeuxEvents[Name]) => void,
    options?: ListenOptions,
  ): () => void {
    return this.#events.on(name, listener, options);
  }

  /**
   * Publishes `data`, and waits for the server to say that it has it.
   *
   * @returns the server's reply
   * @throws {@link ServerError} where the server refuses
   * @throws {@link TransportConnectionClosed} where the connection is lost meanwhile: the outcome is unknown
   * @throws {@link TransportTimeoutError} where there is no reply in time
   * @throws {@link ClientInvalidOperation} where the client is closed
   */
  async publish<Name extends keyof Channels & string>(
    channel: Name,
    data: Channels[Name],
    options: PublishOptions = {},
  ): Promise<BayeuxMessage> {
    const { signal, timeout, ext } = options;
    const text = encode(data);
    return await this.#ask(signal, (core) => core.publish(channel, text, members(ext), timeout));
  }

  /**
   * Calls a function of the server's application: publishes on `/service/` and `target`, and waits for its result.
   *
   * @returns the result
   * @throws {@link ServerError} where the function fails, with what it said as `response.data`
   * @throws as {@link publish}
   */
  async call(target: string, data?: unknown, options: PublishOptions = {}): Promise<unknown> {
    const { signal, timeout, ext } = options;
    const channel = `/service/${target.replace(/^\/?(service\/)?/, "")}`;
    const text = encode(data);
    const reply = await this.#ask(signal, (core) => core.call(channel, text, members(ext), timeout));
    return reply.data;
  }

  /**
   * Subscribes to a channel, to all with one segment more (`/ticks/*`), or to all below (`/ticks/**`). Its messages go to
   * `listener`, or to a loop over what this returns; where there is neither, to {@link receive}.
   *
   * ```ts
   * const ticks = await bus.subscribe("/ticks/*", ({ data }) => console.log(data));
   * for await (const { data } of bus.subscribe("/ticks/*")) console.log(data);
   * ```
   *
   * @throws {@link ServerError} where the server refuses
   * @throws as {@link publish}
   */
  subscribe<Name extends keyof Channels & string>(
    channel: Name,
    listener?: ((message: BayeuxMessage<Channels[Name]>) => void) | BayeuxSubscribeOptions,
    options?: BayeuxSubscribeOptions,
  ): SubscriptionRequest<Channels[Name]> {
    const isListening = typeof listener === "function";
    const { signal, ext, replay } = (isListening ? options : listener) ?? {};
    const subscription = new Subscription<Channels[Name]>(
      channel,
      { queue: () => this.#queue(), end: (ended) => this.#unsubscribe(ended as Subscription) },
      isListening ? listener : undefined,
    );
    const entry = subscription as Subscription;
    this.#local.add(entry);
    const stop = (): void => {
      subscription.unsubscribe().catch(() => undefined);
    };
    signal?.addEventListener("abort", stop, { once: true });
    const agreed = this.#ask(signal, (core) =>
      core.subscribe(channel, members(ext), replay),
    ).then(
      () => {
        this.#local.agree(entry);
      },
      (error: unknown) => {
        signal?.removeEventListener("abort", stop);
        this.#local.end(entry);
        throw error;
      },
    );
    return new SubscriptionRequest(subscription, agreed);
  }

  /**
   * Ends all subscriptions to a channel or pattern.
   *
   * @throws {@link ServerError} where the server refuses
   * @throws as {@link publish}
   */
  async unsubscribe(channel: keyof Channels & string): Promise<void> {
    this.#local.endAll(channel);
    await this.#ask(undefined, (core) => core.unsubscribe(channel));
  }

  /**
   * The next message that no listener and no loop took. Where the client ends while this waits, it says why.
   *
   * @throws {@link ClientInvalidOperation} where the client is closed, and no message is left
   * @throws {@link TransportTimeoutError} where the connection is lost for longer than `connectionTimeout`; it may come back, and
   * this may be called again
   * @throws {@link ServerError} where the server ended the session
   */
  async receive(): Promise<BayeuxMessage> {
    return await this.#inbox.receive(this.#options.connectionTimeout ?? CONNECTION_TIMEOUT);
  }

  /** As {@link receive}, until the client is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<BayeuxMessage, void, undefined> {
    for (;;) {
      let message: BayeuxMessage;
      try {
        message = await this.receive();
      } catch (error) {
        if (error instanceof ClientInvalidOperation) return;
        throw error;
      }
      yield message;
    }
  }

  /** Sends what `calls` asks for together: in one batch, which the server carries out in order. */
  batch<Result>(calls: () => Result): Result {
    const core = this.#core;
    core?.beginBatch();
    try {
      return calls();
    } finally {
      if (this.#core === core) core?.endBatch();
    }
  }

  /** Leaves the connection, where there is one, and makes another at once, within the same session. */
  reconnect(): void {
    this.#core?.reconnect();
  }

  #noteType(): ConnectionType | null {
    const place = this.#core?.figure(BayeuxFigure.ConnectionType) ?? NaN;
    return (this.#lastType = this.#types[place] ?? this.#lastType);
  }

  #queue<Data>(): Queue<BayeuxMessage<Data>> {
    return new Queue<BayeuxMessage<Data>>(this.#capacity, {
      full: (isFull) => {
        this.#full += isFull ? 1 : -1;
        this.#core?.suspend(this.#full > 0);
      },
      dropped: () => {
        this.#events.emit("gap", { reason: "overflow", missed: 1 });
      },
    });
  }

  async #ask(signal: AbortSignal | undefined, send: (core: BayeuxCore) => number): Promise<BayeuxMessage> {
    const core = this.#core;
    if (core === undefined) throw unfollowed(Unfollowed.Closed);
    throwIfAborted(signal);
    const id = send(core);
    if (id < 0) throw unfollowed(id);
    const reply = this.#requests.wait(id, signal, () => {
      if (this.#core === core) core.abandon(id);
    });
    this.#refresh();
    return await reply;
  }

  async #unsubscribe(subscription: Subscription): Promise<void> {
    const { channel } = subscription;
    this.#local.end(subscription);
    if (this.#local.has(channel) || this.#core === undefined) return;
    await this.#ask(undefined, (core) => core.unsubscribe(channel));
  }

  #start({ glue, users }: Instance<Glue>): void {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const told = (kind: BayeuxTold, one: unknown, two: unknown): void => {
      if (this.#core === core) this.#told(kind, one, two);
    };
    const saysKind = this.#options.appendMessageTypeToURL ?? true;
    const core = new glue.BayeuxCore(this.#addresses, this.#settings, seed, saysKind, this.#hooks, told);
    this.#core = core;
    core.setWallClock(Date.now());
    core.setHandshakeExt(this.#options.handshakeExt && encode(this.#options.handshakeExt));
    const failed = (cause: unknown): void => {
      if (this.#core === core) this.#end("failed", new InternalError(cause));
    };
    users.add(failed);
    const stops = [
      onWake(() => {
        core.online();
      }),
      // The server need not wait for a page that is gone.
      onLeave(() => {
        core.close();
      }),
    ];
    this.#leave = () => {
      users.delete(failed);
      for (const stop of stops) stop();
    };
    // What waited before the client was closed still counts.
    if (this.#full > 0) core.suspend(true);
  }

  #told(kind: BayeuxTold, one: unknown, two: unknown): void {
    switch (kind) {
      case BayeuxTold.Status:
        this.#refresh();
        break;
      case BayeuxTold.Message:
        this.#deliver(one as BayeuxMessage, two as readonly string[]);
        break;
      case BayeuxTold.Done:
        this.#requests.resolve(one as number, two as BayeuxMessage);
        break;
      case BayeuxTold.Refused:
      case BayeuxTold.Unknown:
      case BayeuxTold.TimedOut:
      case BayeuxTold.Unsent:
        this.#requests.reject(one as number, failure(kind, two as BayeuxMessage));
        break;
      case BayeuxTold.MetaRefused:
        this.#refused(one as string, two as BayeuxMessage);
        break;
      case BayeuxTold.Restored:
        this.#events.emit("resubscribed", { channel: one as string });
        break;
      case BayeuxTold.Dropped: {
        const error = refused(two as BayeuxMessage);
        this.#local.endAll(one as string);
        this.#events.emit("subscriptionLost", { channel: one as string, error });
        break;
      }
      case BayeuxTold.SessionLost:
        this.#events.emit("gap", { reason: "session-lost" });
        break;
      case BayeuxTold.Gap:
        this.#events.emit("gap", { reason: "reconnected" });
        break;
      case BayeuxTold.TransportChanged: {
        const [from, to] = [this.#types[one as number], this.#types[two as number]];
        if (from !== undefined && to !== undefined) this.#events.emit("transportChanged", { from, to });
        break;
      }
      case BayeuxTold.Authenticate:
        void this.#authenticate();
        break;
      case BayeuxTold.Violation:
        this.#events.emit("error", new ProtocolError(two as string));
        break;
      case BayeuxTold.Ended:
        this.#stopped(one as End);
        break;
    }
  }

  #deliver(message: BayeuxMessage, subscriptions: readonly string[]): void {
    this.#events.emit("message", message);
    if (!this.#local.deliver(message, subscriptions)) this.#inbox.put(message);
  }

  #refused(channel: string, reply: BayeuxMessage): void {
    this.#lastMeta = reply;
    const error = refused(reply);
    if (this.#opening !== undefined && channel === "/meta/handshake") this.#end("failed", error);
    else this.#events.emit("error", error);
  }

  async #authenticate(): Promise<void> {
    const core = this.#core;
    let isRenewed = true;
    try {
      await this.#options.auth?.authenticate();
    } catch (cause) {
      isRenewed = false;
      this.#events.emit("error", new ClientError("the credentials could not be renewed", { cause }));
    }
    if (this.#core === core) core?.authenticated(isRenewed);
  }

  /** There is no further attempt. */
  #stopped(end: End): void {
    const error = ending(end, this.#core?.figure(BayeuxFigure.FaultCode), this.#lastMeta);
    if (error instanceof ServerError) this.#ended = error;
    this.#end("failed", error);
  }

  /** Takes over the core's status, and tells where it changed. */
  #refresh(): void {
    const core = this.#core;
    if (core === undefined) return;
    const status = readStatus(core, this.#status);
    if (status.state === "closed" && this.#closing !== undefined) {
      this.#end("closed", null);
      return;
    }
    if (status.state === "connected") {
      this.#opening?.resolve();
      this.#opening = undefined;
    }
    this.#tell(status);
  }

  #tell(status: Status): void {
    const keys = Object.keys(status) as (keyof Status)[];
    if (keys.every((key) => status[key] === this.#status[key])) return;
    this.#status = status;
    this.#events.emit("status", status);
    this.#inbox.wake();
  }

  /** It is over, until it is opened again. */
  #end(state: "closed" | "failed", error: MirrorballError | null): void {
    const core = this.#core;
    this.#noteType();
    this.#core = undefined;
    this.#leave?.();
    const [opening, closing] = [this.#opening, this.#closing];
    this.#opening = this.#closing = undefined;
    const closed = new ClosedError("the client was closed");
    this.#requests.rejectAll(error ?? closed);
    this.#local.endAll();
    this.#tell({ ...this.#status, state, nextRetryAt: null, inFlight: 0, lastError: error });
    opening?.reject(error ?? closed);
    closing?.();
    if (error !== null && opening === undefined) this.#events.emit("error", error);
    this.#inbox.wake();
    // Not at once: it may be the core that called.
    queueMicrotask(() => {
      core?.free();
    });
  }
}

function nothingLeft(): ClientInvalidOperation {
  return new ClientInvalidOperation("The client is closed and there are no pending messages.");
}
