// Gives the imports of a wasm module short names, in the module and in the glue that wasm-bindgen wrote for
// it. Their own names end in a hash each, which no compression shortens. What is imported from a file of ours
// keeps its name, and the file gets a short one.
//
// node shorten.mjs MODULE.wasm GLUE.js: rewrites both files.

import { readFileSync, writeFileSync } from "node:fs";

const IMPORT_SECTION = 2;
const FUNCTION = 0;
const HEADER_LENGTH = 8;

const [wasmPath, gluePath] = process.argv.slice(2);
const wasm = readFileSync(wasmPath);
const glue = readFileSync(gluePath, "utf8");

let at = HEADER_LENGTH;
const names = new Map();
/** Modules that are imported from, and their short names: the glue, and files of ours. */
const modules = new Map();
const isFile = (module) => module.startsWith("./snippets/");
const output = [wasm.subarray(0, HEADER_LENGTH)];
while (at < wasm.length) {
  const id = wasm[at++];
  const end = readLength() + at;
  const section = id === IMPORT_SECTION ? shortenImports() : wasm.subarray(at, end);
  output.push(Buffer.of(id), lengthOf(section), section);
  at = end;
}
if (names.size === 0) throw new Error(`${wasmPath} imports nothing: is it what wasm-bindgen wrote?`);

let replaced = 0;
const shortened = glue.replace(/\b__wb\w+\b/g, (name) => {
  if (!names.has(name)) return name;
  replaced += 1;
  return names.get(name);
});
if (replaced !== names.size) {
  throw new Error(`the module imports ${names.size} functions, ${gluePath} names ${replaced} of them`);
}
let result = shortened;
for (const [module, short] of modules) {
  // One for each function of the file, all the same.
  const [first, ...others] = result.split("\n").filter((line) => line.trim().startsWith(`${JSON.stringify(module)}: import`));
  if (first === undefined) throw new Error(`${gluePath} does not provide ${module}, which is imported from`);
  for (const line of others) result = result.replace(`${line}\n`, "");
  result = result.replace(first, first.replace(JSON.stringify(module), JSON.stringify(short)));
}
writeFileSync(wasmPath, Buffer.concat(output));
writeFileSync(gluePath, result);

/** The import section with short names, which are noted. */
function shortenImports() {
  const count = readLength();
  const parts = [encodeLength(count)];
  for (let index = 0; index < count; index += 1) {
    const module = readName();
    const name = readName();
    if (!modules.has(module)) modules.set(module, `w${modules.size}`);
    const short = isFile(module) ? name : `i${index.toString(36)}`;
    if (short !== name) names.set(name, short);
    const kind = wasm[at++];
    if (kind !== FUNCTION) throw new Error(`the import ${name} is no function`);
    const type = readLength();
    parts.push(encodeName(modules.get(module)), encodeName(short), Buffer.of(kind), encodeLength(type));
  }
  return Buffer.concat(parts);
}

function readLength() {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = wasm[at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
}

function readName() {
  const length = readLength();
  at += length;
  return wasm.toString("utf8", at - length, at);
}

function encodeLength(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Buffer.of(...bytes, value);
}

function encodeName(name) {
  return Buffer.concat([encodeLength(Buffer.byteLength(name)), Buffer.from(name)]);
}

function lengthOf(section) {
  return encodeLength(section.length);
}
