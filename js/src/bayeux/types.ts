import type { MirrorballError } from "../errors.js";
import type { Status } from "../types.js";

/** A way to a server. */
export type ConnectionType = "websocket" | "long-polling";

/** A message as it is on the wire: an object with a channel, and what goes with it. */
export interface BayeuxMessage<Data = unknown> {
  /** What it was published on, or a meta channel. */
  readonly channel: string;
  /** The application's part. */
  readonly data?: Data;
  /** What extensions put there. */
  readonly ext?: Readonly<Record<string, unknown>>;
  /** What tells a request from the others of its sender. */
  readonly id?: string | number;
  /** Whether a request was carried out. */
  readonly successful?: boolean;
  /** What went wrong: a code, arguments and a text, with colons in between. */
  readonly error?: string;
  readonly [member: string]: unknown;
}

/** A message that may be changed, as an {@link Extension} has it. */
export interface Draft {
  /** What it is published on, or a meta channel. */
  channel: string;
  [member: string]: unknown;
}

/**
 * Sees and changes the messages that a client sends and gets. The methods of several are called in the order in which they are
 * given, those of an {@link AuthExtension} last for what is sent, and first for what comes. Where one throws or rejects, the
 * connection is lost with what was under way.
 */
export interface Extension {
  /**
   * What is about to be sent, ids and all.
   *
   * @param payload - the messages; they may be changed in place
   * @param headers - those of the HTTP request, which may be changed, too; `null` over a WebSocket, where a page has no say in them
   */
  outgoing?(payload: Draft[], headers: Headers | null): void | Promise<void>;
  /**
   * What came.
   *
   * @param payload - the messages; they may be changed in place
   * @param headers - those of the HTTP response; `null` over a WebSocket
   */
  incoming?(payload: Draft[], headers: Headers | null): void | Promise<void>;
}

/** An extension that says who the client is. */
export interface AuthExtension extends Extension {
  /**
   * Called where the server answered with 401 or 403; what it refused is sent once more after that. Where this rejects, it stays
   * refused.
   */
  authenticate(): void | Promise<void>;
}

/** Headers of requests, or what gives them before each: a token that is renewed, say. */
export type RequestHeaders = HeadersInit | (() => HeadersInit | Promise<HeadersInit>);

/** Options of a client. Times are in milliseconds; `Infinity` stands for ever. */
export interface BayeuxOptions {
  /** Closes the client when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** The ways to the server, the preferred one first. Default a WebSocket, then long-polling. */
  readonly connectionTypes?: ConnectionType | readonly ConnectionType[];
  /** Other addresses for some of them. */
  readonly urls?: Readonly<Partial<Record<ConnectionType, string | URL>>>;
  /** How long {@link Bayeux.receive} waits for a connection that is lost to come back. Default 10,000. */
  readonly connectionTimeout?: number;
  /**
   * Messages that wait for {@link Bayeux.receive}. Where there are more, the server is asked for no further ones; those that it
   * sends all the same are taken up to ten times this number, and then the oldest are dropped and told as a `gap`. Default 100.
   */
  readonly maxPendingCount?: number;
  /** They see and change messages, in this order. */
  readonly extensions?: readonly Extension[];
  /** Who the client is. */
  readonly auth?: AuthExtension;
  /** Members of the `ext` of handshakes. */
  readonly handshakeExt?: Readonly<Record<string, unknown>>;
  /** Headers of HTTP requests. A page has no say in those of a WebSocket. */
  readonly requestHeaders?: RequestHeaders;
  /** Which requests cookies go with. Default `"same-origin"`. */
  readonly credentials?: RequestCredentials;
  /** The WebSocket subprotocol to ask for. Default none. */
  readonly protocol?: string;
  /** Whether the address of an HTTP request ends with what it is about, as CometD has it. Default `true`. */
  readonly appendMessageTypeToURL?: boolean;
  /** Whether a way that worked is kept when it breaks; otherwise the preferred one is tried again. Default `true`. */
  readonly stickyReconnect?: boolean;
  /** Whether messages are to be sent again until they are acknowledged, so that a loss loses none. Default `true`. */
  readonly ack?: boolean;
  /** Whether to find out the server's time. Default `false`. */
  readonly timesync?: boolean;
  /** Whether messages say when they were sent. Default `false`. */
  readonly timestamp?: boolean;
  /**
   * Whether subscriptions go on after the last message that was seen, where the server can do that. Default `false`.
   */
  readonly replay?: boolean | ReplayOptions;
  /** How long a socket may take to open. Default 10,000. */
  readonly connectTimeout?: number;
  /** How long a reply may take, and that to a connect beyond the time for which the server holds it. Default 10,000. */
  readonly maxNetworkDelay?: number;
  /** How long a request may take where it does not say otherwise, waiting for a connection included. Default 30,000. */
  readonly requestTimeout?: number;
  /** How long {@link Bayeux.close} waits for the server. Default 5,000. */
  readonly disconnectTimeout?: number;
  /** How long {@link AuthExtension.authenticate} may take. Default 30,000. */
  readonly authenticationTimeout?: number;
  /** The shortest wait before a new attempt. Default 250. */
  readonly minRetryDelay?: number;
  /** The longest wait before a new attempt. Default 30,000. */
  readonly maxRetryDelay?: number;
  /** Requests without a reply; one more is refused. Default 1,024. */
  readonly maxPending?: number;
  /** Subscriptions; one more is refused. Default 1,024. */
  readonly maxSubscriptions?: number;
}

/** How subscriptions go on after the last message that was seen. */
export interface ReplayOptions {
  /** The id to subscribe with where the server does not know that message: -1 for what is new, -2 for all it has. */
  readonly fallback: number;
}

/** Options of one message. */
export interface PublishOptions {
  /** Stops waiting when it is aborted. The server may carry it out all the same. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait, in milliseconds; default is the client's `requestTimeout`. */
  readonly timeout?: number | undefined;
  /** The message's `ext`. */
  readonly ext?: Readonly<Record<string, unknown>> | undefined;
}

/** Options of a subscription. */
export interface BayeuxSubscribeOptions {
  /** Ends it when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** The request's `ext`. */
  readonly ext?: Readonly<Record<string, unknown>> | undefined;
  /** The id of the message after which to begin; -1 for what is new, -2 for all that the server has. */
  readonly replay?: number | undefined;
}

/** What {@link Bayeux.on} tells. */
export interface BayeuxEvents {
  /** The status changed. */
  status: Status;
  /** A message came, whoever takes it. */
  message: BayeuxMessage;
  /** A subscription was made again, in a new session. */
  resubscribed: ResubscribedEvent;
  /** A subscription was refused in a new session: there is none any more. */
  subscriptionLost: SubscriptionLostEvent;
  /** Messages may be missing. */
  gap: GapEvent;
  /** The way to the server is another one. */
  transportChanged: TransportChangedEvent;
  /** The server refused a handshake or a connect, broke the protocol, or an extension failed. */
  error: MirrorballError;
}

/** A subscription was made again, in a new session. */
export interface ResubscribedEvent {
  /** What is subscribed to. */
  readonly channel: string;
}

/** A subscription was refused in a new session. */
export interface SubscriptionLostEvent {
  /** What was subscribed to. */
  readonly channel: string;
  /** What the server said. */
  readonly error: MirrorballError;
}

/** Messages may be missing. */
export interface GapEvent {
  /** There is a new session, or a new connection of the same one, or nobody took what came. */
  readonly reason: "overflow" | "reconnected" | "session-lost";
  /** How many are missing, where that is known. */
  readonly missed?: number;
}

/** The way to the server is another one. */
export interface TransportChangedEvent {
  /** The one so far. */
  readonly from: ConnectionType;
  /** The one from now on. */
  readonly to: ConnectionType;
}
