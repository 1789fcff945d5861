/** Where the WebAssembly module is: compiled, its bytes, their address, or the answer that brings them. */
export type WasmSource = WebAssembly.Module | BufferSource | Response | URL | string;

/** What is asked for the module, when it is needed. */
export type Wasm = () => WasmSource | PromiseLike<WasmSource>;

/** The compiled module. */
export async function compile(source: WasmSource): Promise<WebAssembly.Module> {
  // By its name and not by `instanceof`, since it may be of another realm.
  switch (Object.prototype.toString.call(source)) {
    case "[object WebAssembly.Module]":
      return source;
    case "[object Response]":
      return compileResponse(source as Response);
    case "[object String]":
    case "[object URL]":
      return compileAt(source as string | URL);
    default:
      return WebAssembly.compile(source as BufferSource);
  }
}

async function compileAt(address: string | URL): Promise<WebAssembly.Module> {
  const url = new URL(address, "location" in globalThis ? globalThis.location.href : undefined);
  if (url.protocol === "file:") {
    // Node fetches no files. Asked for in this way, bundlers do not look for it.
    const files = (globalThis as Partial<NodeGlobal>).process?.getBuiltinModule?.("node:fs/promises");
    if (files !== undefined) return WebAssembly.compile(await files.readFile(url));
  }
  return compileResponse(await fetch(url));
}

async function compileResponse(response: Response): Promise<WebAssembly.Module> {
  const type = response.headers.get("Content-Type") ?? "";
  if (!response.ok) throw new Error(`${response.url} was answered with ${String(response.status)}`);
  // What servers of single pages answer for whatever they do not have.
  if (type.startsWith("text/html")) throw new Error(`${response.url} is a page, not the module`);
  // Compiled while it comes, where the server says what it is.
  return type.startsWith("application/wasm")
    ? WebAssembly.compileStreaming(response)
    : WebAssembly.compile(await response.arrayBuffer());
}

/** As much of Node as is used here. */
interface NodeGlobal {
  readonly process: {
    getBuiltinModule?(name: "node:fs/promises"): { readFile(path: URL): Promise<Uint8Array<ArrayBuffer>> };
  };
}
