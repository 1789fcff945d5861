// node node.mjs ENTRY ADDRESS: a check in Node, whose result is printed.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { WebSocket } from "ws";

import { check } from "./check.js";

const [entry, address] = process.argv.slice(2);
// Node 20 has none of its own.
globalThis.WebSocket ??= WebSocket;
const { Juggler, provideWasm } = await import(entry);
provideWasm?.(readFile(fileURLToPath(import.meta.resolve("mirrorball/mirrorball.wasm"))));
console.log(JSON.stringify(await check(Juggler, address)));
