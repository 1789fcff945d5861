import { WasmLoadError } from "./errors.js";
import init from "./wasm/mirrorball.js";

let loading: Promise<void> | undefined;

/** Loads the WebAssembly module, once for all clients; a failed attempt is made again. */
export function load(): Promise<void> {
  loading ??= init().then(
    () => undefined,
    (cause: unknown) => {
      loading = undefined;
      throw new WasmLoadError(cause);
    },
  );
  return loading;
}
