/**
 * Live server state in every browser, without the WebAssembly module: the page says where it is.
 *
 * @packageDocumentation
 */

import type { Address } from "./address.js";
import { Bayeux as Bus } from "./bayeux/client.js";
import type { BayeuxOptions } from "./bayeux/types.js";
import { Juggler as Client } from "./juggler/client.js";
import type { WasmSource } from "./source.js";
import type { AnyApi, Api, ClientOptions } from "./types.js";

export * from "./api.js";
export * from "./bayeux/api.js";
export type { WasmSource } from "./source.js";

/** A module that the page provides. */
class Provided {
  readonly #missing: string;
  #source: WasmSource | PromiseLike<WasmSource> | undefined;

  /** `missing` is what is said where it is needed before it was provided. */
  constructor(missing: string) {
    this.#missing = missing;
  }

  readonly read = (): WasmSource | PromiseLike<WasmSource> => {
    if (this.#source === undefined) throw new Error(this.#missing);
    return this.#source;
  };

  set(source: WasmSource | PromiseLike<WasmSource>): void {
    this.#source = source;
    // That it fails is told by the first client.
    Promise.resolve(source).catch(() => undefined);
  }
}

const juggler = new Provided("provideWasm() has to be called before the first client is made");
const bayeux = new Provided("provideBayeuxWasm() has to be called before the first client is opened");

/**
 * Says where the WebAssembly module is, which is `mirrorball/mirrorball.wasm`. To be called before the first client is
 * made; nothing is loaded before that. Where loading fails, it may be called once more.
 *
 * @param source - the compiled module, its bytes, where they are, or the answer that brings them; or a promise of these
 *
 * @example
 * ```ts
 * import { Juggler, provideWasm } from "mirrorball/slim";
 *
 * provideWasm(fetch("https://cdn.example/mirrorball-0.1.0.wasm"));
 * const plant = new Juggler("/ws");
 * ```
 */
export function provideWasm(source: WasmSource | PromiseLike<WasmSource>): void {
  juggler.set(source);
}

/**
 * As {@link provideWasm}, for Bayeux, whose module is `mirrorball/bayeux.wasm`. To be called before the first client is opened.
 *
 * @param source - as for {@link provideWasm}
 */
export function provideBayeuxWasm(source: WasmSource | PromiseLike<WasmSource>): void {
  bayeux.set(source);
}

/**
 * A server's state as a plain JS object, its requests and its notifications, over the Juggler protocol: the same as
 * that of the entry `mirrorball`, once {@link provideWasm} was called.
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
    super(addresses, options, juggler.read);
  }
}

/**
 * Publish and subscribe, over the Bayeux protocol: the same as that of the entry `mirrorball`, once {@link provideBayeuxWasm} was
 * called.
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
    super(url, options, bayeux.read);
  }
}
