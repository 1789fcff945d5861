import { ClosedError, InvalidArgumentError, LimitError, type MirrorballError } from "../errors.js";
import { BayeuxTold, Unfollowed } from "../wasm/bayeux.js";
import { ClientInvalidOperation, ServerError, TransportConnectionClosed, TransportTimeoutError } from "./errors.js";
import type { BayeuxMessage } from "./types.js";

/** How a request comes to an end without being carried out. */
export type Failure = BayeuxTold.Refused | BayeuxTold.TimedOut | BayeuxTold.Unknown | BayeuxTold.Unsent;

/** Why a request was not carried out, or perhaps not; `reply` is what the server says where it refuses. */
export function failure(end: Failure, reply: BayeuxMessage): MirrorballError {
  switch (end) {
    case BayeuxTold.Refused:
      return new ServerError(`${kindOf(reply.channel)} request failed.`, reply);
    case BayeuxTold.TimedOut:
      return new TransportTimeoutError("there was no reply in time");
    case BayeuxTold.Unknown:
      return new TransportConnectionClosed(
        "the connection was lost before the reply came: the server may have carried the request out",
      );
    case BayeuxTold.Unsent:
      return new ClosedError("the client was closed, or the time was up, before the request could be sent");
  }
}

/** What a request on a channel is. */
function kindOf(channel: string): string {
  switch (channel) {
    case "/meta/handshake":
      return "Handshake";
    case "/meta/connect":
      return "Connect";
    case "/meta/subscribe":
      return "Subscribe";
    case "/meta/unsubscribe":
      return "Unsubscribe";
    default:
      return channel.startsWith("/service/") ? "Service" : "Publish";
  }
}

/** The server refused, as it says in this reply. */
export const refused = (reply: BayeuxMessage): MirrorballError => failure(BayeuxTold.Refused, reply);

/** Errors for what the core does not do, each made where it is needed. */
const UNFOLLOWED: Readonly<Record<number, () => MirrorballError>> = {
  [Unfollowed.Open]: () => new ClientInvalidOperation("Client is already open."),
  [Unfollowed.Closed]: () => new ClientInvalidOperation("The client is closed: open it first."),
  [Unfollowed.Full]: () => new LimitError("too many requests or subscriptions: wait until some have ended"),
  [Unfollowed.Large]: () => new LimitError("the message is too big: send less at once"),
  [Unfollowed.Channel]: () =>
    new InvalidArgumentError(
      "this is no channel for that: it begins with a slash, has something between its slashes, and is not below /meta",
    ),
} satisfies Record<Unfollowed, () => MirrorballError>;

/** Why the core did not do what it was told to. */
export function unfollowed(reason: number): MirrorballError {
  return UNFOLLOWED[reason]?.() ?? new ClientInvalidOperation(`The client does not follow (${String(reason)}).`);
}
