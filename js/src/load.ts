import { WasmLoadError } from "./errors.js";
import { type Glue, instantiate } from "./wasm/mirrorball.js";

/** One instance of the WebAssembly module. All clients share it, until it fails. */
export interface Instance {
  readonly glue: Glue;
  /** Who is told where it fails. It is not to be called again then; whoever needs one loads another. */
  readonly users: Set<(cause: unknown) => void>;
}

let current: Promise<Instance> | undefined;

/** Loads the module, once for all clients; a failed attempt is made again. */
export function load(): Promise<Instance> {
  const opening = (current ??= open());
  opening.catch(() => {
    forget(opening);
  });
  return opening;

  async function open(): Promise<Instance> {
    const users: Instance["users"] = new Set();
    const glue = instantiate((exports) =>
      guard(exports, (cause) => {
        forget(opening);
        for (const told of [...users]) told(cause);
      }),
    );
    try {
      glue.finish(await instantiateModule(glue.imports()));
    } catch (cause) {
      throw new WasmLoadError(cause);
    }
    return { glue, users };
  }
}

function forget(instance: Promise<Instance>): void {
  if (current === instance) current = undefined;
}

/** The module is beside this file. */
async function instantiateModule(imports: WebAssembly.Imports): Promise<WebAssembly.Instance> {
  const url = new URL("./wasm/mirrorball_bg.wasm", import.meta.url);
  if (url.protocol === "file:") {
    // Node fetches no files. Bundlers for pages are not to look for this module.
    const files = "node:fs/promises";
    const { readFile } = (await import(/* @vite-ignore */ /* webpackIgnore: true */ files)) as {
      readonly readFile: (path: URL) => Promise<Uint8Array<ArrayBuffer>>;
    };
    return (await WebAssembly.instantiate(await readFile(url), imports)).instance;
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.href} was answered with ${String(response.status)}`);
  // Compiled while it comes, where the server says what it is.
  const isTyped = response.headers.get("Content-Type")?.startsWith("application/wasm") ?? false;
  const { instance } = isTyped
    ? await WebAssembly.instantiateStreaming(response, imports)
    : await WebAssembly.instantiate(await response.arrayBuffer(), imports);
  return instance;
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
