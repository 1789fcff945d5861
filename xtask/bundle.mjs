// Makes of the modules in js/dist/ one for each entry of the package, and what entries share: each file that a page loads
// is a request, and is compressed by itself, so that one is two kilobytes smaller than many.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = fileURLToPath(new URL("../js/", import.meta.url));
const DIST = join(PACKAGE, "dist");

const require = createRequire(join(PACKAGE, "package.json"));
const { build } = require("esbuild");

const { exports } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
const entries = Object.values(exports)
  .map((entry) => entry.default)
  .filter((path) => path?.endsWith(".js"));

/** What wasm-bindgen wrote stays by itself, beside its module, wherever it is asked for. */
const glue = {
  name: "glue",
  setup({ onResolve }) {
    onResolve({ filter: /\/wasm\/[\w.]+\.js$/ }, ({ path }) => ({ path: `./wasm/${basename(path)}`, external: true }));
  },
};

/** What is made of some of the entries: with what they share in files of its own, or with all in each. */
const bundle = (paths, splitting) =>
  build({
    entryPoints: paths.map((path) => join(PACKAGE, path)),
    bundle: true,
    splitting,
    format: "esm",
    target: "es2022",
    // Names stay, as errors and traces show them.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: true,
    // Frameworks are the application's.
    packages: "external",
    plugins: [glue],
    outdir: DIST,
    chunkNames: "[name]-[hash]",
    tsconfigRaw: "{}",
    logLevel: "warning",
    write: false,
  });

// Inline is inline: where a part is imported later, Parcel writes an inline script, which a strict policy forbids.
const isInline = (path) => path.endsWith("/inline.js");
const built = [
  await bundle(entries.filter((path) => !isInline(path)), true),
  await bundle(entries.filter(isInline), false),
];
for (const name of readdirSync(DIST)) {
  if (/\.js(\.map)?$/.test(name)) rmSync(join(DIST, name));
}
for (const { outputFiles } of built) {
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
}
