// Prints the size of what a page loads from the package in the directory given: every module and
// the wasm, each compressed by itself, as a server would.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
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
  let total = 0;
  for (const name of files) {
    const value = encode(readFileSync(join(directory, name))).length;
    total += value;
    console.log(JSON.stringify({ suite: "size", case: name, subject, value, unit: "B" }));
  }
  console.log(JSON.stringify({ suite: "size", case: "total", subject, value: total, unit: "B" }));
}
