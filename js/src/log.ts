import type { Log } from "./debug.js";
import type { Juggler } from "./juggler/client.js";

/** What is logged of any client. */
export type Logged = Pick<Juggler, "addresses" | "on" | "state" | "status">;

/**
 * A log of what `client` does, where one is wanted: where the option says so, or, without it, where
 * `localStorage.mirrorball` is `"debug"`. Only then its code is loaded.
 */
export function startLog(client: Logged, isWanted = isSwitchedOn()): Promise<Log | undefined> | undefined {
  if (!isWanted) return undefined;
  return import("./debug.js").then(
    ({ Log }) => new Log(client),
    (error: unknown) => {
      reportError(error);
      return undefined;
    },
  );
}

function isSwitchedOn(): boolean {
  // Elsewhere than in a page it is missing, or asking for it is warned of.
  if (!("document" in globalThis)) return false;
  try {
    return localStorage.getItem("mirrorball") === "debug";
  } catch {
    // A page may be forbidden to store anything.
    return false;
  }
}
