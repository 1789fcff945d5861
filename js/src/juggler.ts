import { type Address, resolve } from "./address.js";
import { Emitter, type ListenOptions } from "./emitter.js";
import {
  AbortError,
  ClosedError,
  ConnectionLostError,
  InternalError,
  InvalidArgumentError,
  type MirrorballError,
  ProtocolError,
  RemoteError,
  TimeoutError,
} from "./errors.js";
import { asError, lastError, refusal, unsent } from "./faults.js";
import { type Instance, load } from "./load.js";
import { Pointer } from "./pointer.js";
import { encodeSettings } from "./settings.js";
import type { Wasm } from "./source.js";
import type {
  AnyApi,
  Api,
  ClientOptions,
  ConnectionState,
  JugglerEvents,
  Metrics,
  RequestOptions,
  Snapshot,
  Status,
} from "./types.js";
import { onWake } from "./wake.js";
import { Figure, type JugglerCore, Told } from "./wasm/mirrorball.js";

/** The states of a connection, as the core counts them. */
const STATES: readonly ConnectionState[] = ["connecting", "connected", "stale", "closed", "failed"];

/** How often a client begins again after a fault of this package. */
const MAX_FAILURES = 3;

interface Pending {
  resolve(data: unknown): void;
  reject(error: MirrorballError): void;
}

const NOTHING_COUNTED: Metrics = {
  messages: 0,
  bytes: 0,
  diffs: 0,
  operations: 0,
  copies: 0,
  reconnects: 0,
};

/** The client, as every entry has it. An entry only says where the WebAssembly module is. */
export class Juggler<State = unknown, Requests extends Api<Requests> = AnyApi> implements AsyncDisposable {
  /**
   * Resolves when the state was in step with a server for the first time; rejects where the client is closed
   * or gives up before.
   */
  readonly ready: Promise<void>;

  readonly #events = new Emitter<JugglerEvents>();
  #addresses: string;
  readonly #settings: Float64Array;
  readonly #wasm: Wasm;
  #loaded: Promise<JugglerCore>;
  readonly #pending = new Map<number, Pending>();
  readonly #abort = new AbortController();
  #core: JugglerCore | undefined;
  #failures = 0;
  /** What there was before this package failed, until there is a state again. */
  #isAfterFailure = false;
  #settleReady: Pending | undefined;
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
    const { signal, ...coreOptions } = options;
    this.#addresses = resolve(addresses).join("\n");
    this.ready = new Promise<void>((resolve, reject) => {
      this.#settleReady = {
        resolve: () => {
          resolve();
        },
        reject,
      };
    });
    // Whoever does not wait for it is told by status and error events.
    this.ready.catch(() => undefined);
    this.#settings = encodeSettings(coreOptions);
    this.#wasm = wasm;
    const stop = onWake(() => {
      this.#core?.online();
    });
    this.#abort.signal.addEventListener("abort", stop, { once: true });
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
  subscribe(listener: (state: Snapshot<State> | null) => void, options?: ListenOptions): () => void;
  /**
   * Calls `listener` after each change of what is at `pointer`, a JSON pointer such as `/devices/a7/power`;
   * with `undefined` where nothing is there.
   *
   * @returns what ends that
   * @throws {@link InvalidArgumentError} where `pointer` is none
   */
  subscribe(pointer: string, listener: (value: unknown) => void, options?: ListenOptions): () => void;
  subscribe(
    first: string | ((state: Snapshot<State> | null) => void),
    second?: ListenOptions | ((value: unknown) => void),
    third?: ListenOptions,
  ): () => void {
    if (typeof first === "function") {
      const tell = (): void => {
        first(this.state);
      };
      return this.#events.on("change", tell, second as ListenOptions | undefined);
    }
    const listener = second as (value: unknown) => void;
    const pointer = new Pointer(first);
    let last = pointer.find(this.state);
    const tell = (): void => {
      const value = pointer.find(this.state);
      if (Object.is(value, last)) return;
      last = value;
      listener(value);
    };
    return this.#events.on("change", tell, third);
  }

  /**
   * Calls `listener` with each event of this name.
   *
   * @returns what ends that
   */
  on<Name extends keyof JugglerEvents>(
    name: Name,
    listener: (event: JugglerEvents[Name]) => void,
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
  async request<Name extends keyof Requests & string>(
    name: Name,
    data: Parameters<Requests[Name]>[0],
    options: RequestOptions = {},
  ): Promise<Awaited<ReturnType<Requests[Name]>>> {
    const { signal, timeout, key } = options;
    const members = [`"name":${JSON.stringify(name)}`, `"data":${encode(data)}`];
    if (key !== undefined) members.push(`"key":${JSON.stringify(key)}`);
    const core = await this.#running();
    throwIfAborted(signal);
    const answer = await new Promise<unknown>((resolve, reject) => {
      const id = core.request(members.join(), key !== undefined, timeout);
      if (this.#core !== core) {
        reject(new ConnectionLostError("the request may have been sent before the client failed", true));
        return;
      }
      if (id < 0) {
        reject(unsent(id));
        return;
      }
      const aborted = (): void => {
        this.#pending.delete(id);
        this.#core?.abandon(id);
        this.#refresh();
        reject(aborting(signal));
      };
      this.#pending.set(id, {
        resolve: (answer) => {
          signal?.removeEventListener("abort", aborted);
          resolve(answer);
        },
        reject: (error) => {
          signal?.removeEventListener("abort", aborted);
          reject(error);
        },
      });
      signal?.addEventListener("abort", aborted, { once: true });
      this.#refresh();
    });
    return answer as Awaited<ReturnType<Requests[Name]>>;
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
    const loaded = load(this.#wasm).then((instance) => this.#start(instance));
    loaded.catch((error: unknown) => {
      this.#fail(error);
    });
    return loaded;
  }

  #start({ glue, users }: Instance): JugglerCore {
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
    for (const pending of this.#pending.values()) {
      pending.reject(new ConnectionLostError("the client failed before the answer came", true));
    }
    this.#pending.clear();
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
        this.#take(one)?.resolve(two);
        break;
      case Told.Refused:
        this.#take(one)?.reject(new RemoteError(refusal(two), two));
        break;
      case Told.Lost:
        this.#take(one)?.reject(
          new ConnectionLostError("the connection was lost before the answer came", true),
        );
        break;
      case Told.TimedOut:
        this.#take(one)?.reject(new TimeoutError("there was no answer in time"));
        break;
      case Told.Closed:
        this.#take(one)?.reject(new ClosedError("the client was closed before the answer came"));
        break;
      case Told.Notify:
        this.#events.emit("notify", { name: one as string, data: two });
        break;
      case Told.Gap:
        this.#events.emit("gap", { reason: "reconnected" });
        break;
      case Told.Violation:
        this.#events.emit("error", new ProtocolError(two as string));
        break;
    }
  }

  #take(id: unknown): Pending | undefined {
    const pending = this.#pending.get(id as number);
    this.#pending.delete(id as number);
    this.#refresh();
    return pending;
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
    if (status.state === "connected") this.#settleReady?.resolve(undefined);
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

/** Nothing comes out for what has no JSON form: a function, a symbol. */
const stringify: (data: unknown) => string | undefined = JSON.stringify;

function encode(data: unknown): string {
  let text: string | undefined;
  try {
    text = stringify(data === undefined ? null : data);
  } catch (cause) {
    throw new InvalidArgumentError(`the data is nothing that JSON can hold: ${String(cause)}`, { cause });
  }
  if (text === undefined) {
    throw new InvalidArgumentError(`a ${typeof data} is nothing that JSON can hold`);
  }
  return text;
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw aborting(signal);
}

function aborting(signal: AbortSignal | undefined): AbortError {
  return new AbortError("the request was aborted", { cause: signal?.reason });
}
