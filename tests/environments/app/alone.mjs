// node alone.mjs: a client where there is no WebSocket, and one whose module is not there; prints how they fail.

import { Juggler, UnsupportedError } from "mirrorball/inline";
import { Juggler as Slim, provideWasm, WasmLoadError } from "mirrorball/slim";

const failure = async (make, Kind) => {
  const client = make();
  const error = await client.ready.catch((error) => error);
  return [error instanceof Kind, error.code, error.message, client.status.state, client.status.lastError === error];
};

const address = "ws://127.0.0.1:9";
delete globalThis.WebSocket;
const failures = [await failure(() => new Juggler(address), UnsupportedError)];
globalThis.WebSocket = class {};
failures.push(await failure(() => new Slim(address), WasmLoadError));
provideWasm(new URL("no-such.wasm", import.meta.url));
failures.push(await failure(() => new Slim(address), WasmLoadError));
provideWasm(Promise.reject(new Error("no way there")));
failures.push(await failure(() => new Slim(address), WasmLoadError));
console.log(JSON.stringify(failures));
