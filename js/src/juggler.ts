/**
 * Live server state in every browser: the entry `mirrorball` without Bayeux, for pages that load
 * it without a bundler.
 *
 * @packageDocumentation
 */

import type { Address } from "./address.js";
import { Juggler as Client } from "./juggler/client.js";
import type { AnyApi, Api, ClientOptions } from "./types.js";

export * from "./api.js";

const wasm = (): URL => new URL("./wasm/mirrorball_bg.wasm", import.meta.url);

/**
 * A server's state as a plain JS object, its requests and its notifications, over the Juggler protocol.
 *
 * Creating one returns at once and connects in the background; a lost connection is made again for as long
 * as the client is not closed.
 *
 * @typeParam State - the server's state
 * @typeParam Requests - the server's requests, as functions from data to answer
 * @typeParam Notifications - the server's notifications, as their data
 *
 * @example
 * ```ts
 * interface Plant { devices: Record<string, { on: boolean; power: number }> }
 * interface PlantApi { "set-limit": (data: { id: string; max: number }) => { old: number } }
 *
 * const plant = new Juggler<Plant, PlantApi>("/ws");
 * plant.subscribe((state) => console.log(state?.devices));
 * const { old } = await plant.request("set-limit", { id: "a7", max: 80 });
 * ```
 */
export class Juggler<
  State = unknown,
  Requests extends Api<Requests> = AnyApi,
  Notifications extends object = Record<string, unknown>,
> extends Client<State, Requests, Notifications> {
  /**
   * @param addresses - where the server is; of several, they are tried in turn. Default `/ws` on the page's own host
   * @param options - its limits and waits
   * @throws {@link InvalidArgumentError} where an address is none, or an option is unknown or no number
   */
  constructor(addresses?: Address | readonly Address[], options?: ClientOptions) {
    super(addresses, options, wasm);
  }
}
