import { InvalidArgumentError } from "./errors.js";
import type { ClientOptions } from "./types.js";
import { Setting } from "./wasm/mirrorball.js";

/** Where the core looks for each option. */
const SETTINGS: Readonly<Record<Exclude<keyof ClientOptions, "signal">, Setting>> = {
  connectTimeout: Setting.ConnectTimeout,
  maxPending: Setting.MaxPending,
  maxRetryDelay: Setting.MaxRetryDelay,
  maxSegmentSize: Setting.MaxSegmentSize,
  minRetryDelay: Setting.MinRetryDelay,
  pingDelay: Setting.PingDelay,
  pingTimeout: Setting.PingTimeout,
  requestTimeout: Setting.RequestTimeout,
  syncTimeout: Setting.SyncTimeout,
};

/** The options as the core reads them: `NaN` where the default is meant. */
export function encodeSettings(options: Omit<ClientOptions, "signal">): Float64Array {
  const values = new Float64Array(Object.keys(SETTINGS).length).fill(NaN);
  for (const [name, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue;
    if (!Object.hasOwn(SETTINGS, name)) {
      throw new InvalidArgumentError(`there is no option "${name}"`);
    }
    if (typeof value !== "number" || !(value >= 0)) {
      throw new InvalidArgumentError(`the option "${name}" has to be a number that is not negative`);
    }
    values[SETTINGS[name as keyof typeof SETTINGS]] = value;
  }
  return values;
}
