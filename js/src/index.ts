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
  WasmLoadError,
} from "./errors.js";
export { Juggler } from "./juggler.js";
export type {
  Api,
  ClientOptions,
  ConnectionState,
  JugglerEvents,
  Metrics,
  RequestOptions,
  Snapshot,
  Status,
} from "./types.js";
