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
  UnsupportedError,
  WasmLoadError,
} from "./errors.js";
export type {
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
