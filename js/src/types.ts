import type { ListenOptions } from "./emitter.js";
import type { MirrorballError } from "./errors.js";
import type { Schedule } from "./schedule.js";

/** A snapshot: nothing in it can be assigned to. */
export type Snapshot<T> = T extends (...args: never) => unknown
  ? T
  : T extends object
    ? { readonly [Key in keyof T]: Snapshot<T[Key]> }
    : T;

/** The requests that a server answers: what they take, and what they return. */
export type Api<T> = { [Name in keyof T]: (data: never) => unknown };

/** The requests of a server of which nothing is known. */
export type AnyApi = Record<string, (data: unknown) => unknown>;

/** What a JSON pointer leads to in a `Value`: `undefined` where nothing is, `unknown` where its type does not say. */
export type At<Value, Pointer extends string> = string extends Pointer
  ? unknown
  : Pointer extends ""
    ? Value
    : Pointer extends `/${infer Token}/${infer Rest}`
      ? At<Member<Value, Token>, `/${Rest}`>
      : Pointer extends `/${infer Token}`
        ? Member<Value, Token>
        : unknown;

/** What one step of a JSON pointer leads to in a `Value`. */
export type Member<Value, Token extends string> = unknown extends Value
  ? unknown
  : Value extends object
    ? Token extends `${string}~${string}`
      ? unknown
      : Value extends readonly (infer Item)[]
        ? Item | undefined
        : Token extends keyof Value
          ? Value[Token] | undefined
          : unknown
    : undefined;

/** Options of a client. Times are in milliseconds; `Infinity` stands for ever. */
export interface ClientOptions {
  /** Closes the client when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Whether the console shows what the client does: its status, changes of the state, notifications, requests. Default:
   * whether `localStorage.mirrorball` is `"debug"`.
   */
  readonly debug?: boolean | undefined;
  /** How long a socket may take to open. Default 10,000. */
  readonly connectTimeout?: number;
  /** Nothing received for this long: a ping is sent. `Infinity` switches the keep-alive off. Default 5,000. */
  readonly pingDelay?: number;
  /** Still nothing received for this long after the ping: the connection is lost. Default 5,000. */
  readonly pingTimeout?: number;
  /**
   * Whether a connection that is lost is made again. Otherwise the client is then `failed`. Default `true`.
   */
  readonly reconnect?: boolean;
  /** How long a request may take where it does not say otherwise. Default 30,000. */
  readonly requestTimeout?: number;
  /**
   * How long a new connection may stay without a state before the server's state is taken to be `null`,
   * for which no message is sent. Default 2,000.
   */
  readonly syncTimeout?: number;
  /** The shortest wait before a new attempt. Default 250. */
  readonly minRetryDelay?: number;
  /** The longest wait before a new attempt. Default 20,000. */
  readonly maxRetryDelay?: number;
  /** Requests without a response; one more is refused. Default 1,024. */
  readonly maxPending?: number;
  /** Bytes of UTF-8 in one segment of a message. Default 65,536. */
  readonly maxSegmentSize?: number;
}

/** Options of a listener of the state. */
export interface SubscribeOptions extends ListenOptions {
  /** When it is called. Default `message`. */
  readonly schedule?: Schedule | undefined;
}

/** Options of a reader of notifications. */
export interface NotificationOptions extends ListenOptions {
  /** Notifications that may wait to be read; one more ends the reading with an error. Default 1,024. */
  readonly maxWaiting?: number | undefined;
}

/** Options of one request. */
export interface RequestOptions {
  /** Stops waiting when it is aborted. The server may carry the request out all the same. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait, in milliseconds; default is the client's `requestTimeout`. */
  readonly timeout?: number | undefined;
  /**
   * For what has to be carried out once: a text that no other request has, and that nobody guesses, such as
   * `crypto.randomUUID()`. A loss of the connection is then not the end: the request is sent again over the next one, and
   * a mirrorball server carries it out once, however often it comes, within 60 s. Where that is not possible it
   * fails as any other.
   */
  readonly key?: string | undefined;
}

/**
 * Where a client is in its life:
 *
 * - `connecting`: there was no connection yet, or its first state is still to come;
 * - `connected`: the state is the server's;
 * - `stale`: the connection was lost, and the state is what the server's was;
 * - `closed`: closed by the application;
 * - `failed`: given up, because the server keeps breaking the protocol, the client could not be loaded, or it
 *   lost its connection and is not to reconnect.
 */
export type ConnectionState = "connecting" | "connected" | "stale" | "closed" | "failed";

/** What a page may want to show of a connection. The same object until something in it changes. */
export interface Status {
  /** Where the client is in its life. */
  readonly state: ConnectionState;
  /** Attempts that failed since the last connection that lasted. */
  readonly retries: number;
  /** When the next attempt begins, in milliseconds since the epoch, while the client waits for it. */
  readonly nextRetryAt: number | null;
  /** Whether the state was in step with a server once. */
  readonly everConnected: boolean;
  /** Requests without a response. */
  readonly inFlight: number;
  /** What ended the last connection or attempt. */
  readonly lastError: MirrorballError | null;
}

/** Counters since a client was made. */
export interface Metrics {
  /** WebSocket messages received. */
  readonly messages: number;
  /** Their length in UTF-16 units, which are bytes as long as they are ASCII. */
  readonly bytes: number;
  /** Diffs applied. */
  readonly diffs: number;
  /** Operations in them. */
  readonly operations: number;
  /** Objects and arrays copied, so that no snapshot changes. */
  readonly copies: number;
  /** Connections made again. */
  readonly reconnects: number;
}

/** A notification: which one it is says what its data is. */
export type Notification<Notifications> = {
  readonly [Name in keyof Notifications & string]: {
    /** What it is called. */
    readonly name: Name;
    /** What it brings. */
    readonly data: Snapshot<Notifications[Name]>;
  };
}[keyof Notifications & string];

/** What {@link Juggler.on} tells. */
export interface JugglerEvents<Notifications = Record<string, unknown>> {
  /** The status changed. */
  status: Status;
  /** The state changed. */
  change: {
    /** How many operations the diff had. */
    readonly operations: number;
    /** How long its message was, in UTF-16 units. */
    readonly bytes: number;
  };
  /** A notification came. */
  notify: Notification<Notifications>;
  /** Messages may be missing. */
  gap: {
    /** Why: the connection was lost, and is there again. */
    readonly reason: "reconnected";
  };
  /** The server broke the protocol, or the client could not be loaded. */
  error: MirrorballError;
}
