import { UnsupportedError, WasmLoadError } from "./errors.js";
import { compile, type Wasm } from "./source.js";

/** One instance of a WebAssembly module. All clients share it, until it fails. */
export interface Instance<Glue> {
  readonly glue: Glue;
  /** Who is told where it fails. It is not to be called again then; whoever needs one loads another. */
  readonly users: Set<(cause: unknown) => void>;
}

/** What every glue has: the module's imports, and what is to be called with its instance. */
interface Finishing {
  imports(): WebAssembly.Imports;
  finish(instance: WebAssembly.Instance): void;
}

/** A WebAssembly module of this package, once it is needed. */
export class Loader<Glue extends Finishing> {
  readonly #instantiate: (guard: (exports: WebAssembly.Exports) => WebAssembly.Exports) => Glue;
  #current: Promise<Instance<Glue>> | undefined;
  /** The module that instances are made of. */
  #compiled: Promise<WebAssembly.Module> | undefined;

  /** The module to which this glue belongs. */
  constructor(instantiate: (guard: (exports: WebAssembly.Exports) => WebAssembly.Exports) => Glue) {
    this.#instantiate = instantiate;
  }

  /** Loads the module from what `wasm` says, once for all clients; a failed attempt is made again. */
  load(wasm: Wasm): Promise<Instance<Glue>> {
    const forget = (): void => {
      if (this.#current === opening) this.#current = undefined;
    };
    const opening = (this.#current ??= this.#open(wasm, () => {
      forget();
    }));
    opening.catch(forget);
    return opening;
  }

  async #open(wasm: Wasm, forget: () => void): Promise<Instance<Glue>> {
    if (typeof WebSocket !== "function") {
      throw new UnsupportedError(
        "there is no WebSocket here: Node has one from version 22 on, or with --experimental-websocket; " +
          "or set globalThis.WebSocket to the class of the package ws",
      );
    }
    const users: Instance<Glue>["users"] = new Set();
    const glue = this.#instantiate((exports) =>
      guard(exports, (cause) => {
        forget();
        for (const told of [...users]) told(cause);
      }),
    );
    try {
      const module = await (this.#compiled ??= Promise.resolve().then(wasm).then(compile));
      glue.finish(await WebAssembly.instantiate(module, glue.imports()));
    } catch (cause) {
      this.#compiled = undefined;
      throw new WasmLoadError(cause);
    }
    return { glue, users };
  }
}

/**
 * The module's exports, of which nothing is called again once one of them threw: memory that was left in the middle
 * of a change is not to be trusted.
 */
function guard(exports: WebAssembly.Exports, failed: (cause: unknown) => void): WebAssembly.Exports {
  let hasFailed = false;
  const guarded: WebAssembly.Exports = {};
  for (const [name, value] of Object.entries(exports)) {
    guarded[name] =
      typeof value !== "function"
        ? value
        : (...parameters: unknown[]): unknown => {
            if (hasFailed) return undefined;
            try {
              return (value as (...parameters: unknown[]) => unknown)(...parameters);
            } catch (cause) {
              hasFailed = true;
              failed(cause);
              return undefined;
            }
          };
  }
  return guarded;
}
