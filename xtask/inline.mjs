// Writes the wasm module as a module of JavaScript, for `mirrorball/inline`.
//
// node inline.mjs MODULE.wasm DIRECTORY: writes base64.js and its types.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [wasmPath, directory] = process.argv.slice(2);
const text = readFileSync(wasmPath).toString("base64");
writeFileSync(join(directory, "base64.js"), `export const base64 = "${text}";\n`);
writeFileSync(
  join(directory, "base64.d.ts"),
  "/** The module `mirrorball_bg.wasm`, in base64. */\nexport declare const base64: string;\n",
);
