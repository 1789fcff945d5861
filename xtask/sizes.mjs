// Prints the size of what a page loads from the package in the directory given: every module and
// the wasm, each compressed by itself, as a server would.

import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const encodings = {
  raw: (bytes) => bytes,
  gzip: (bytes) => gzipSync(bytes, { level: 9 }),
  brotli: (bytes) => brotliCompressSync(bytes),
};

const directory = process.argv[2];
const files = readdirSync(directory, { recursive: true })
  .filter((name) => /\.(js|wasm)$/.test(name))
  .sort();

for (const [subject, encode] of Object.entries(encodings)) {
  const print = (name, value) => {
    console.log(JSON.stringify({ suite: "size", case: name, subject, value, unit: "B" }));
  };
  let wasm = 0;
  let total = 0;
  for (const name of files) {
    const value = encode(readFileSync(join(directory, name))).length;
    if (dirname(name) === "wasm") wasm += value;
    total += value;
    print(name, value);
  }
  print("wasm and glue", wasm);
  print("total", total);
}
