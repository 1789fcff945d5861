// What every entry has beside the clients themselves.

export type { Address } from "./address.js";
export type { ListenOptions } from "./emitter.js";
export {
  AbortError,
  ClosedError,
  ConnectionLostError,
  type ErrorCode,
  InternalError,
  InvalidArgumentError,
  LimitError,
  MirrorballError,
  ProtocolError,
  RemoteError,
  TimeoutError,
  UnauthorizedError,
  UnsupportedError,
  WasmLoadError,
} from "./errors.js";
export type { Schedule } from "./schedule.js";
export type {
  AnyApi,
  Api,
  At,
  ClientOptions,
  ConnectionState,
  JugglerEvents,
  Member,
  Metrics,
  Notification,
  NotificationOptions,
  RequestOptions,
  Snapshot,
  Status,
  SubscribeOptions,
} from "./types.js";
