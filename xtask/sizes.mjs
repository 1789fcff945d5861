// Prints the size of what a page loads from the package in the directory given: the modules that an
// entry leads to and the wasm, each compressed by itself, as a server would.

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const encodings = {
  raw: (bytes) => bytes,
  gzip: (bytes) => gzipSync(bytes, { level: 9 }),
  brotli: (bytes) => brotliCompressSync(bytes),
};

/** How a module names another one, or the wasm. */
const REFERENCE = /(?:\bfrom|\bimport|new URL\()\s*"(\.{1,2}\/[^"]+)"/g;

const directory = process.argv[2];
const files = reach("index.js").sort();
const inline = reach("inline.js");
if (!files.some((name) => name.endsWith(".wasm"))) throw new Error(`${directory}/index.js leads to no wasm`);

for (const [subject, encode] of Object.entries(encodings)) {
  const print = (name, value) => {
    console.log(JSON.stringify({ suite: "size", case: name, subject, value, unit: "B" }));
  };
  const size = (name) => encode(readFileSync(join(directory, name))).length;
  const sum = (names) => names.reduce((total, name) => total + size(name), 0);
  for (const name of files) print(name, size(name));
  print("wasm and glue", sum(files.filter((name) => dirname(name) === "wasm")));
  print("total", sum(files));
  print("total, inline", sum(inline));
}

/** The file `entry`, and all that it leads to. */
function reach(entry, found = []) {
  if (found.includes(entry)) return found;
  found.push(entry);
  if (!entry.endsWith(".js")) return found;
  for (const [, target] of readFileSync(join(directory, entry), "utf8").matchAll(REFERENCE)) {
    reach(join(dirname(entry), target), found);
  }
  return found;
}
