import { type Address, resolve } from "../address.js";
import { Emitter, type ListenOptions } from "../emitter.js";
import {
  asError,
  ClosedError,
  ConnectionLostError,
  InternalError,
  type MirrorballError,
  ProtocolError,
} from "../errors.js";
import { lastError, unsent } from "../faults.js";
import { type Instance, Loader } from "../load.js";
import { startLog } from "../log.js";
import { Pointer } from "../pointer.js";
import { Reader } from "../reader.js";
import { ask, failure } from "../requests.js";
import { scheduled } from "../schedule.js";
import { encodeSettings } from "../settings.js";
import type { Wasm } from "../source.js";
import type {
  AnyApi,
  Api,
  At,
  ClientOptions,
  ConnectionState,
  JugglerEvents,
  Metrics,
  NotificationOptions,
  RequestOptions,
  Snapshot,
  Status,
  SubscribeOptions,
} from "../types.js";
import { throwIfAborted, Waiting } from "../waiting.js";
import { onWake } from "../wake.js";
import { Figure, type Glue, instantiate, type JugglerCore, Life, Told } from "../wasm/mirrorball.js";

/** One instance of the module for all clients of a page. */
const loader = new Loader<Glue>(instantiate);

/** Where a client is in its life, as the core says it. */
const STATES: Readonly<Record<number, ConnectionState>> = {
  [Life.Connecting]: "connecting",
  [Life.Connected]: "connected",
  [Life.Stale]: "stale",
  [Life.Closed]: "closed",
  [Life.Failed]: "failed",
} satisfies Record<Life, ConnectionState>;

/** How often a client begins again after a fault of this package. */
const MAX_FAILURES = 3;

const NOTHING_COUNTED: Metrics = {
  messages: 0,
  bytes: 0,
  diffs: 0,
  operations: 0,
  copies: 0,
  reconnects: 0,
};

/** The client, as every entry has it. An entry only says where the WebAssembly module is. */
export class Juggler<
  State = unknown,
  Requests extends Api<Requests> = AnyApi,
  Notifications extends object = Record<string, unknown>,
> implements AsyncDisposable
{
  /**
   * Resolves when the state was in step with a server for the first time; rejects where the client is closed
   * or gives up before.
   */
  readonly ready: Promise<void>;

  readonly #events = new Emitter<JugglerEvents<Notifications>>();
  #addresses: string;
  readonly #settings: Float64Array;
  readonly #wasm: Wasm;
  #loaded: Promise<JugglerCore>;
  readonly #requests = new Waiting<unknown>();
  readonly #abort = new AbortController();
  readonly #log: ReturnType<typeof startLog>;
  #core: JugglerCore | undefined;
  #failures = 0;
  /** What there was before this package failed, until there is a state again. */
  #isAfterFailure = false;
  #settleReady: { resolve(): void; reject(error: MirrorballError): void } | undefined;
  /** What a client without a core has to show: one not loaded yet, or closed; and one that begins again. */
  #state: Snapshot<State> | null = null;
  #metrics = NOTHING_COUNTED;
  #status: Status = {
    state: "connecting",
    retries: 0,
    nextRetryAt: null,
    everConnected: false,
    inFlight: 0,
    lastError: null,
  };

  /** What an entry makes; `wasm` is asked for the module. */
  constructor(
    addresses: Address | readonly Address[] | undefined = "/ws",
    options: ClientOptions | undefined = {},
    wasm: Wasm,
  ) {
    const { signal, debug, ...coreOptions } = options;
    this.#addresses = resolve(addresses).join("\n");
    this.ready = new Promise<void>((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    // Whoever does not wait for it is told by status and error events.
    this.ready.catch(() => undefined);
    this.#settings = encodeSettings(coreOptions);
    this.#wasm = wasm;
    const stop = onWake(() => {
      this.#core?.online();
    });
    this.#abort.signal.addEventListener("abort", stop, { once: true });
    this.#log = startLog(this, debug);
    this.#loaded = this.#begin();
    if (signal?.aborted) this.close();
    signal?.addEventListener(
      "abort",
      () => {
        this.close();
      },
      { once: true, signal: this.#abort.signal },
    );
  }

  /**
   * The server's state: the same reference until it changes, parts that did not change stay `===`, and
   * what you hold never changes. `null` until there was one; after a loss the last one, until the first
   * state of the new connection.
   */
  get state(): Snapshot<State> | null {
    const core = this.#core;
    if (core === undefined || this.#isAfterFailure) return this.#state;
    const state = core.state as Snapshot<State> | null;
    // The core may have failed over it.
    if (this.#core === core) this.#state = state;
    return this.#state;
  }

  /** The connection's status. */
  get status(): Status {
    return this.#status;
  }

  /** Counters since this client was made. */
  get metrics(): Metrics {
    const core = this.#core;
    if (core === undefined) return this.#metrics;
    return {
      messages: core.figure(Figure.Messages),
      bytes: core.figure(Figure.Length),
      diffs: core.figure(Figure.Diffs),
      operations: core.figure(Figure.Operations),
      copies: core.figure(Figure.Copies),
      reconnects: core.figure(Figure.Reconnects),
    };
  }

  /**
   * Calls `listener` after each change of the state.
   *
   * @returns what ends that
   */
  subscribe(listener: (state: Snapshot<State> | null) => void, options?: SubscribeOptions): () => void;
  /**
   * Calls `listener` after each change of what is at `pointer`, a JSON pointer such as `/devices/a7/power`;
   * with `undefined` where nothing is there.
   *
   * @returns what ends that
   * @throws {@link InvalidArgumentError} where `pointer` is none
   */
  subscribe<Place extends string>(
    pointer: Place,
    listener: (value: At<Snapshot<State> | null, Place>) => void,
    options?: SubscribeOptions,
  ): () => void;
  subscribe(
    first: string | ((state: Snapshot<State> | null) => void),
    second?: SubscribeOptions | ((value: never) => void),
    third?: SubscribeOptions,
  ): () => void {
    if (typeof first === "function") {
      return this.select((state) => state, first, Object.is, second as SubscribeOptions | undefined);
    }
    const pointer = new Pointer(first);
    const listener = second as (value: unknown) => void;
    return this.select((state) => pointer.find(state), listener, Object.is, third);
  }

  /**
   * Calls `listener` after each change of what `selector` makes of the state, which is `null` until there is one.
   *
   * @param selector - without side effects; it is asked now, and again after each change of the state
   * @param isEqual - whether two results are the same; default `Object.is`, which is enough for parts of the state
   * @returns what ends that
   */
  select<Selected>(
    selector: (state: Snapshot<State> | null) => Selected,
    listener: (value: Selected) => void,
    isEqual: (one: Selected, two: Selected) => boolean = Object.is,
    options: SubscribeOptions = {},
  ): () => void {
    let isOver = false;
    let last = selector(this.state);
    const tell = (): void => {
      const value = selector(this.state);
      if (isEqual(last, value)) return;
      last = value;
      listener(value);
    };
    const { schedule = "message", signal } = options;
    // A frame may come when nobody listens any more.
    const hasEnded = (): boolean => isOver || signal?.aborted === true || this.#status.state === "closed";
    const stop = this.#events.on("change", scheduled(tell, schedule, hasEnded), options);
    return () => {
      isOver = true;
      stop();
    };
  }

  /**
   * The data of each notification of this name, for `for await`. What comes from now on waits until it is read.
   * That ends with the client, with `options.signal`, and where the loop is left.
   *
   * @throws {@link LimitError} from the loop, where more waits than `options.maxWaiting`
   * @throws from the loop, where the client gives up, what it gives up for
   */
  notifications<Name extends keyof Notifications & string>(
    name: Name,
    options: NotificationOptions = {},
  ): AsyncIterableIterator<Snapshot<Notifications[Name]>> {
    const { signal, maxWaiting } = options;
    const reader = new Reader<Snapshot<Notifications[Name]>>(maxWaiting);
    const whileRead = { signal: reader.over };
    const look = ({ state, lastError }: Status): void => {
      if (state === "closed") reader.end();
      if (state === "failed") reader.end(lastError ?? new ClosedError("the client has given up"));
    };
    const leave = (): void => {
      void reader.return();
    };
    this.#events.on("status", look, whileRead);
    this.#events.on(
      "notify",
      (found) => {
        if (found.name === name) reader.push(found.data as Snapshot<Notifications[Name]>);
      },
      whileRead,
    );
    signal?.addEventListener("abort", leave, { once: true, ...whileRead });
    if (signal?.aborted) leave();
    look(this.#status);
    return reader;
  }

  /**
   * Calls `listener` with each event of this name.
   *
   * @returns what ends that
   */
  on<Name extends keyof JugglerEvents<Notifications>>(
    name: Name,
    listener: (event: JugglerEvents<Notifications>[Name]) => void,
    options?: ListenOptions,
  ): () => void {
    return this.#events.on(name, listener, options);
  }

  /**
   * Sends a request and waits for its answer. Before the first connection it waits for that; where the
   * connection was lost it fails at once.
   *
   * @throws {@link RemoteError} with the server's data where the server refuses or fails
   * @throws {@link ConnectionLostError} where there is no connection, or it is lost meanwhile
   * @throws {@link TimeoutError} where there is no answer in time
   * @throws {@link AbortError} where `options.signal` is aborted
   * @throws {@link ClosedError} where the client is closed, or has given up
   * @throws {@link LimitError} where too many requests are without an answer
   * @throws {@link InvalidArgumentError} where `data` is nothing that JSON can hold
   */
  request<Name extends keyof Requests & string>(
    name: Name,
    data: Parameters<Requests[Name]>[0],
    options: RequestOptions = {},
  ): Promise<Awaited<ReturnType<Requests[Name]>>> {
    const answer = this.#request(name, data, options);
    void this.#log?.then((log) => log?.request(name, data, answer));
    return answer as Promise<Awaited<ReturnType<Requests[Name]>>>;
  }

  async #request(name: string, data: unknown, options: RequestOptions): Promise<unknown> {
    const { signal, timeout, key } = options;
    const asked = ask(name, data, key);
    const core = await this.#running();
    throwIfAborted(signal);
    const id = core.request(asked, key !== undefined, timeout);
    if (this.#core !== core) {
      throw new ConnectionLostError("the request may have been sent before the client failed", true);
    }
    if (id < 0) throw unsent(id);
    const answer = this.#requests.wait(id, signal, () => {
      this.#core?.abandon(id);
      this.#refresh();
    });
    this.#refresh();
    return answer;
  }

  /** The WebSocket addresses that are tried in turn. */
  get addresses(): readonly string[] {
    return this.#addresses.split("\n");
  }

  /**
   * The server is at these addresses from now on. The next attempt begins with the first of them; a connection
   * that stands is kept: {@link reconnect} leaves it.
   *
   * @throws {@link InvalidArgumentError} where one is no address, or there is none; then nothing changes
   */
  setAddresses(addresses: Address | readonly Address[]): void {
    this.#addresses = resolve(addresses).join("\n");
    this.#core?.setAddresses(this.#addresses);
  }

  /**
   * Leaves the connection, where there is one, and makes another at once, to the next address. Requests in
   * progress fail as where the connection is lost.
   */
  reconnect(): void {
    this.#core?.reconnect();
  }

  /** Drops the connection as a fault of the network would, to see what that looks like. */
  cut(): void {
    this.#core?.cut();
  }

  /** Closes for good. The state stays what it is; requests in progress fail. */
  close(): void {
    if (this.#status.state === "closed") return;
    this.#abort.abort();
    const core = this.#core;
    if (core === undefined) {
      if (this.#status.state !== "failed") this.#end("closed", null);
      return;
    }
    core.close();
    // Where it is the core that called, it would tell of this only when nobody listens to it any more.
    this.#refresh();
    this.#requests.rejectAll(new ClosedError("the client was closed before the answer came"));
    this.#detach(core);
  }

  /** As {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  /** The core, once there is one. */
  async #running(): Promise<JugglerCore> {
    for (;;) {
      const core = await this.#loaded.catch((error: unknown) => {
        throw asError(error);
      });
      if (this.#core === core) return core;
      if (this.#abort.signal.aborted) throw new ClosedError("the client is closed");
    }
  }

  #begin(): Promise<JugglerCore> {
    const loaded = loader.load(this.#wasm).then((instance) => this.#start(instance));
    loaded.catch((error: unknown) => {
      this.#fail(error);
    });
    return loaded;
  }

  #start({ glue, users }: Instance<Glue>): JugglerCore {
    if (this.#abort.signal.aborted) {
      throw new ClosedError("the client is closed");
    }
    const told = (kind: Told, one: unknown, two: unknown): void => {
      // What a core that failed says while it goes does not count.
      if (this.#core === core) this.#told(kind, one, two);
    };
    const seed = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const core = new glue.JugglerCore(this.#addresses, this.#settings, seed, told);
    this.#core = core;
    const failed = (cause: unknown): void => {
      if (this.#core === core) this.#restart(cause);
    };
    users.add(failed);
    this.#abort.signal.addEventListener(
      "abort",
      () => {
        users.delete(failed);
      },
      { once: true },
    );
    core.start();
    return core;
  }

  /** The core failed, and so did all others of its instance: begins again with a new one. */
  #restart(cause: unknown): void {
    const error = new InternalError(cause);
    this.#failures += 1;
    this.#core = undefined;
    this.#isAfterFailure = true;
    this.#requests.rejectAll(new ConnectionLostError("the client failed before the answer came", true));
    if (this.#failures > MAX_FAILURES) {
      this.#fail(error);
      return;
    }
    this.#loaded = this.#begin();
    const { everConnected } = this.#status;
    this.#tellStatus({
      ...this.#status,
      state: everConnected ? "stale" : "connecting",
      nextRetryAt: null,
      inFlight: 0,
      lastError: error,
    });
    this.#events.emit("error", error);
  }

  /** What the core tells, in the order in which it happened. */
  #told(kind: Told, one: unknown, two: unknown): void {
    switch (kind) {
      case Told.Status:
        this.#refresh();
        break;
      case Told.Change:
        this.#events.emit("change", { operations: one as number, bytes: two as number });
        break;
      case Told.Done:
        this.#requests.resolve(one as number, two);
        this.#refresh();
        break;
      case Told.Refused:
      case Told.Lost:
      case Told.TimedOut:
      case Told.Closed:
        this.#requests.reject(one as number, failure(kind, two));
        this.#refresh();
        break;
      case Told.Notify:
        this.#events.emit("notify", { name: one, data: two } as JugglerEvents<Notifications>["notify"]);
        break;
      case Told.Gap:
        this.#events.emit("gap", { reason: "reconnected" });
        break;
      case Told.Violation:
        this.#events.emit("error", new ProtocolError(two as string));
        break;
    }
  }

  /** Takes over the core's status, and tells where it changed. */
  #refresh(): void {
    const core = this.#core;
    if (core === undefined) return;
    const before = this.#status;
    const found = STATES[core.figure(Figure.State)] ?? "failed";
    if (found === "connected" && this.#isAfterFailure) {
      this.#isAfterFailure = false;
      this.#events.emit("gap", { reason: "reconnected" });
    }
    const state = found === "connecting" && before.everConnected ? "stale" : found;
    const nextRetry = core.figure(Figure.NextRetry);
    const status: Status = {
      state,
      retries: core.figure(Figure.Retries),
      nextRetryAt: Number.isNaN(nextRetry) ? null : Math.round(performance.timeOrigin + nextRetry),
      everConnected: before.everConnected || core.figure(Figure.EverConnected) === 1,
      inFlight: core.figure(Figure.InFlight),
      lastError: lastError(core, before.lastError),
    };
    this.#tellStatus(status);
  }

  /** Tells the status where it changed. */
  #tellStatus(status: Status): void {
    const before = this.#status;
    const keys = Object.keys(status) as (keyof Status)[];
    if (keys.every((key) => status[key] === before[key])) return;
    this.#status = status;
    if (status.state === "connected") this.#settleReady?.resolve();
    if (status.state === "closed" || status.state === "failed") {
      this.#settleReady?.reject(status.lastError ?? new ClosedError("the client was closed"));
    }
    this.#events.emit("status", status);
  }

  /** Lets go of the core, keeping what it had to show. */
  #detach(core: JugglerCore): void {
    this.#state = this.state;
    this.#metrics = this.metrics;
    this.#core = undefined;
    // Not at once: it may be the core that called.
    queueMicrotask(() => {
      core.free();
    });
  }

  /** The client could not be loaded, or was closed before it was. */
  #fail(error: unknown): void {
    if (this.#status.state === "closed") return;
    const failure = asError(error);
    this.#end("failed", failure);
    this.#events.emit("error", failure);
  }

  #end(state: "closed" | "failed", error: MirrorballError | null): void {
    this.#abort.abort();
    this.#status = { ...this.#status, state, nextRetryAt: null, lastError: error };
    this.#settleReady?.reject(error ?? new ClosedError("the client was closed"));
    this.#events.emit("status", this.#status);
  }
}
