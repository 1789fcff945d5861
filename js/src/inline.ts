/**
 * Live server state in every browser, and in Node: the WebAssembly module is a part of the code, so that no bundler has
 * to know of it and no file has to be served. That makes it a third larger.
 *
 * @packageDocumentation
 */

import type { Address } from "./address.js";
import { Bayeux as Bus } from "./bayeux/client.js";
import type { BayeuxOptions } from "./bayeux/types.js";
import { Juggler as Client } from "./juggler/client.js";
import type { AnyApi, Api, ClientOptions } from "./types.js";
import { base64 as bayeux } from "./wasm/bayeux.inline.js";
import { base64 as juggler } from "./wasm/mirrorball.inline.js";

export * from "./api.js";
export * from "./bayeux/api.js";

const decode = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const wasm = (): Uint8Array<ArrayBuffer> => decode(juggler);
const bayeuxWasm = (): Uint8Array<ArrayBuffer> => decode(bayeux);

/**
 * A server's state as a plain JS object, its requests and its notifications, over the Juggler protocol: the same as
 * that of the entry `mirrorball`.
 *
 * @typeParam State - the server's state
 * @typeParam Requests - the server's requests, as functions from data to answer
 * @typeParam Notifications - the server's notifications, as their data
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

/**
 * Publish and subscribe, over the Bayeux protocol: the same as that of the entry `mirrorball`.
 *
 * @typeParam Channels - the channels, with what is published on them
 */
export class Bayeux<Channels extends object = Record<string, unknown>> extends Bus<Channels> {
  /**
   * @param url - where the server is. Default `/cometd` on the page's own host
   * @param options - its limits, waits and extensions
   * @throws {@link InvalidArgumentError} where the address is none, or an option is unknown or of the wrong kind
   */
  constructor(url?: string | URL, options?: BayeuxOptions) {
    super(url, options, bayeuxWasm);
  }
}
