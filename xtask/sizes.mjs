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
const files = reach("juggler.js").sort();
const bayeux = reach("bayeux.js").sort();
const both = reach("index.js");
const inline = reach("inline.js");
for (const [entry, found] of Object.entries({ "juggler.js": files, "bayeux.js": bayeux, "index.js": both })) {
  if (!found.some((name) => name.endsWith(".wasm"))) throw new Error(`${directory}/${entry} leads to no wasm`);
}
const isWasm = (name) => dirname(name) === "wasm";

for (const [subject, encode] of Object.entries(encodings)) {
  const print = (name, value) => {
    console.log(JSON.stringify({ suite: "size", case: name, subject, value, unit: "B" }));
  };
  const size = (name) => encode(readFileSync(join(directory, name))).length;
  const sum = (names) => names.reduce((total, name) => total + size(name), 0);
  for (const name of new Set([...files, ...bayeux])) print(name, size(name));
  print("wasm and glue", sum(files.filter(isWasm)));
  print("wasm and glue, Bayeux", sum(bayeux.filter(isWasm)));
  print("total", sum(files));
  print("total, Bayeux", sum(bayeux));
  print("total, both", sum(both));
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
