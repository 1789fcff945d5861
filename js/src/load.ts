import { UnsupportedError, WasmLoadError } from "./errors.js";
import { compile, type Wasm } from "./source.js";
import { type Glue, instantiate } from "./wasm/mirrorball.js";

/** One instance of the WebAssembly module. All clients share it, until it fails. */
export interface Instance {
  readonly glue: Glue;
  /** Who is told where it fails. It is not to be called again then; whoever needs one loads another. */
  readonly users: Set<(cause: unknown) => void>;
}

let current: Promise<Instance> | undefined;
/** The module that instances are made of. */
let compiled: Promise<WebAssembly.Module> | undefined;

/** Loads the module from what `wasm` says, once for all clients; a failed attempt is made again. */
export function load(wasm: Wasm): Promise<Instance> {
  const opening = (current ??= open());
  opening.catch(() => {
    forget(opening);
  });
  return opening;

  async function open(): Promise<Instance> {
    if (typeof WebSocket !== "function") {
      throw new UnsupportedError(
        "there is no WebSocket here: Node has one from version 22 on, or with --experimental-websocket; " +
          "or set globalThis.WebSocket to the class of the package ws",
      );
    }
    const users: Instance["users"] = new Set();
    const glue = instantiate((exports) =>
      guard(exports, (cause) => {
        forget(opening);
        for (const told of [...users]) told(cause);
      }),
    );
    try {
      const module = await (compiled ??= Promise.resolve().then(wasm).then(compile));
      glue.finish(await WebAssembly.instantiate(module, glue.imports()));
    } catch (cause) {
      compiled = undefined;
      throw new WasmLoadError(cause);
    }
    return { glue, users };
  }
}

function forget(instance: Promise<Instance>): void {
  if (current === instance) current = undefined;
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
