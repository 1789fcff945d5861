/**
 * Publish and subscribe in every browser: the entry `mirrorball` without Juggler, for pages that load it without a bundler.
 *
 * @packageDocumentation
 */

import { Bayeux as Client } from "./bayeux/client.js";
import type { BayeuxOptions } from "./bayeux/types.js";

export * from "./api.js";
export * from "./bayeux/api.js";

const wasm = (): URL => new URL("./wasm/bayeux_bg.wasm", import.meta.url);

/**
 * Publish and subscribe, over the Bayeux protocol: a client of CometD's servers, of faye's, and of mirrorball's.
 *
 * Nothing happens before {@link Bayeux.open}. A lost connection is made again, within the same session where the server still has it;
 * otherwise in a new one, in which every subscription is made again.
 *
 * @typeParam Channels - the channels, with what is published on them
 *
 * @example
 * ```ts
 * interface Channels { "/ticks/eur": { rate: number }; "/ticks/*": { rate: number } }
 *
 * const bus = new Bayeux<Channels>("/cometd");
 * await bus.open();
 * await bus.subscribe("/ticks/*", ({ channel, data }) => console.log(channel, data?.rate));
 * await bus.publish("/ticks/eur", { rate: 1.08 });
 * ```
 */
export class Bayeux<Channels extends object = Record<string, unknown>> extends Client<Channels> {
  /**
   * @param url - where the server is. Default `/cometd` on the page's own host
   * @param options - its limits, waits and extensions
   * @throws {@link InvalidArgumentError} where the address is none, or an option is unknown or of the wrong kind
   */
  constructor(url?: string | URL, options?: BayeuxOptions) {
    super(url, options, wasm);
  }
}
