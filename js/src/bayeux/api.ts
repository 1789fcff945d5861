// What every entry with Bayeux has beside the client itself.

export {
  ClientError,
  ClientInvalidOperation,
  ServerError,
  TransportConnectionClosed,
  TransportError,
  TransportTimeoutError,
} from "./errors.js";
export { Subscription, SubscriptionRequest } from "./subscription.js";
export type {
  AuthExtension,
  BayeuxEvents,
  BayeuxMessage,
  BayeuxOptions,
  ConnectionType,
  Draft,
  Extension,
  GapEvent,
  PublishOptions,
  ReplayOptions,
  RequestHeaders,
  ResubscribedEvent,
  BayeuxSubscribeOptions,
  SubscriptionLostEvent,
  TransportChangedEvent,
} from "./types.js";
