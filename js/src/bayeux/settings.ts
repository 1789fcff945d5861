import { encodeOptions, type Kinds } from "../options.js";
import { BayeuxSetting } from "../wasm/bayeux.js";
import type { BayeuxOptions } from "./types.js";

/** Where the core looks for each option that is a number or a boolean. */
const KINDS = {
  ack: [BayeuxSetting.Ack, "boolean"],
  authenticationTimeout: [BayeuxSetting.AuthenticationTimeout, "number"],
  connectTimeout: [BayeuxSetting.ConnectTimeout, "number"],
  disconnectTimeout: [BayeuxSetting.DisconnectTimeout, "number"],
  maxNetworkDelay: [BayeuxSetting.MaxNetworkDelay, "number"],
  maxPending: [BayeuxSetting.MaxPending, "number"],
  maxRetryDelay: [BayeuxSetting.MaxRetryDelay, "number"],
  maxSubscriptions: [BayeuxSetting.MaxSubscriptions, "number"],
  minRetryDelay: [BayeuxSetting.MinRetryDelay, "number"],
  requestTimeout: [BayeuxSetting.RequestTimeout, "number"],
  stickyReconnect: [BayeuxSetting.Sticky, "boolean"],
  timestamp: [BayeuxSetting.Timestamp, "boolean"],
  timesync: [BayeuxSetting.Timesync, "boolean"],
} as const satisfies Kinds;

/** Options that are not for the core, or not in this form. */
const OTHERS: ReadonlySet<string> = new Set([
  "appendMessageTypeToURL",
  "auth",
  "connectionTimeout",
  "connectionTypes",
  "credentials",
  "extensions",
  "handshakeExt",
  "maxPendingCount",
  "protocol",
  "replay",
  "requestHeaders",
  "signal",
  "urls",
]);

/** The options as the core reads them. `attempts` may fail before the first connection. */
export function encodeSettings(options: BayeuxOptions, attempts: number): Float64Array {
  const own = Object.entries(options).filter(([name]) => !OTHERS.has(name));
  const values = encodeOptions({ ack: true, ...Object.fromEntries(own) }, KINDS, BayeuxSetting.Timesync + 1);
  values[BayeuxSetting.FirstAttempts] = attempts;
  values[BayeuxSetting.Authenticates] = Number(options.auth !== undefined);
  const { replay = false } = options;
  values[BayeuxSetting.Replay] = Number(replay !== false);
  if (typeof replay === "object") values[BayeuxSetting.ReplayFallback] = replay.fallback;
  return values;
}
