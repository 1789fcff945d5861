import type { ConnectionState, Status } from "../types.js";
import { type BayeuxCore, BayeuxFigure } from "../wasm/bayeux.js";
import { TransportError } from "./errors.js";

/** The states of a connection, as the core counts them. */
const STATES: readonly ConnectionState[] = ["closed", "connecting", "connected", "connected", "failed"];

/** A core's status; `before` is the one so far. */
export function readStatus(core: BayeuxCore, before: Status): Status {
  const found = STATES[core.figure(BayeuxFigure.State)] ?? "failed";
  const nextRetry = core.figure(BayeuxFigure.NextRetry);
  const everConnected = core.figure(BayeuxFigure.EverConnected) === 1;
  const code = core.figure(BayeuxFigure.FaultCode);
  const words = core.faultText || `the connection was lost (${String(code)})`;
  // The same object as long as it says the same.
  const isSame = Number.isNaN(code) || before.lastError?.message === words;
  return {
    state: found === "connecting" && everConnected ? "stale" : found,
    retries: core.figure(BayeuxFigure.Retries),
    nextRetryAt: Number.isNaN(nextRetry) ? null : Math.round(performance.timeOrigin + nextRetry),
    everConnected,
    inFlight: core.figure(BayeuxFigure.InFlight),
    lastError: isSame ? before.lastError : new TransportError(words),
  };
}
