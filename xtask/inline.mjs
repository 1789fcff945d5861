// Writes the wasm module as a module of JavaScript, for `mirrorball/inline`.
//
// node inline.mjs MODULE.wasm FILE: writes FILE.js and its types.

import { readFileSync, writeFileSync } from "node:fs";

const [wasmPath, path] = process.argv.slice(2);
const text = readFileSync(wasmPath).toString("base64");
writeFileSync(`${path}.js`, `export const base64 = "${text}";\n`);
writeFileSync(
  `${path}.d.ts`,
  "/** The module, in base64. */\nexport declare const base64: string;\n",
);
