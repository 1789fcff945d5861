/**
 * Live server state in every browser, without the WebAssembly module: the page says where it is.
 *
 * @packageDocumentation
 */

import type { Address } from "./address.js";
import { Juggler as Client } from "./juggler.js";
import type { WasmSource } from "./source.js";
import type { AnyApi, Api, ClientOptions } from "./types.js";

export * from "./api.js";
export type { WasmSource } from "./source.js";

let provided: WasmSource | PromiseLike<WasmSource> | undefined;

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
  provided = source;
  // That it fails is told by the first client.
  Promise.resolve(source).catch(() => undefined);
}

function wasm(): WasmSource | PromiseLike<WasmSource> {
  if (provided === undefined) throw new Error("provideWasm() has to be called before the first client is made");
  return provided;
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
    super(addresses, options, wasm);
  }
}
