/**
 * Live server state in every browser.
 *
 * @packageDocumentation
 */

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
  WasmLoadError,
} from "./errors.js";
export { Juggler } from "./juggler.js";
export type { Schedule } from "./schedule.js";
export type {
  Api,
  At,
  ClientOptions,
  ConnectionState,
  JugglerEvents,
  Metrics,
  Notification,
  NotificationOptions,
  RequestOptions,
  Snapshot,
  Status,
  SubscribeOptions,
} from "./types.js";
