import { encodeOptions, type Kinds } from "./options.js";
import type { ClientOptions } from "./types.js";
import { Setting } from "./wasm/mirrorball.js";

/** The options that are the core's. */
export type CoreOptions = Omit<ClientOptions, "debug" | "signal">;

const KINDS = {
  connectTimeout: [Setting.ConnectTimeout, "number"],
  maxPending: [Setting.MaxPending, "number"],
  maxRetryDelay: [Setting.MaxRetryDelay, "number"],
  maxSegmentSize: [Setting.MaxSegmentSize, "number"],
  minRetryDelay: [Setting.MinRetryDelay, "number"],
  pingDelay: [Setting.PingDelay, "number"],
  pingTimeout: [Setting.PingTimeout, "number"],
  reconnect: [Setting.Reconnect, "boolean"],
  requestTimeout: [Setting.RequestTimeout, "number"],
  syncTimeout: [Setting.SyncTimeout, "number"],
} as const satisfies Kinds & Record<keyof CoreOptions, unknown>;

/** The options as the core reads them: `NaN` where the default is meant. */
export function encodeSettings(options: CoreOptions): Float64Array {
  return encodeOptions(options, KINDS, Object.keys(KINDS).length);
}
