import { InvalidArgumentError } from "./errors.js";
import type { ClientOptions } from "./types.js";
import { Setting } from "./wasm/mirrorball.js";

/** The options that are the core's. */
export type CoreOptions = Omit<ClientOptions, "debug" | "signal">;

/** Where the core looks for each of them. */
const SETTINGS: Readonly<Record<keyof CoreOptions, Setting>> = {
  connectTimeout: Setting.ConnectTimeout,
  maxPending: Setting.MaxPending,
  maxRetryDelay: Setting.MaxRetryDelay,
  maxSegmentSize: Setting.MaxSegmentSize,
  minRetryDelay: Setting.MinRetryDelay,
  pingDelay: Setting.PingDelay,
  pingTimeout: Setting.PingTimeout,
  reconnect: Setting.Reconnect,
  requestTimeout: Setting.RequestTimeout,
  syncTimeout: Setting.SyncTimeout,
};

/** The options as the core reads them: `NaN` where the default is meant. */
export function encodeSettings(options: CoreOptions): Float64Array {
  const values = new Float64Array(Object.keys(SETTINGS).length).fill(NaN);
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    if (!Object.hasOwn(SETTINGS, name)) {
      throw new InvalidArgumentError(`there is no option "${name}"`);
    }
    if (name === "reconnect") {
      if (typeof value !== "boolean") {
        throw new InvalidArgumentError(`the option "reconnect" has to be true or false`);
      }
      values[Setting.Reconnect] = Number(value);
      continue;
    }
    if (typeof value !== "number" || !(value >= 0)) {
      throw new InvalidArgumentError(`the option "${name}" has to be a number that is not negative`);
    }
    values[SETTINGS[name as keyof typeof SETTINGS]] = value;
  }
  return values;
}
