// Bundles the tests' components, as an app would be: for a page, and for a server that renders them.

import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";

import { ROOT } from "../browser/program.mjs";

const PACKAGE = join(ROOT, "js");
// The frameworks are beside the package, which is built against them.
const require = createRequire(join(PACKAGE, "package.json"));
const { build } = require("esbuild");
const { compile } = require("svelte/compiler");

/** The package under its name, as its own `exports` say. */
const mirrorball = {
  name: "mirrorball",
  setup({ onResolve }) {
    const { exports } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
    onResolve({ filter: /^mirrorball(\/|$)/ }, ({ path }) => {
      const entry = exports[path.replace("mirrorball", ".")];
      return entry ? { path: join(PACKAGE, entry.default), sideEffects: false } : { errors: [{ text: `no entry ${path}` }] };
    });
  },
};

/** Components of Svelte. */
const svelte = (generate) => ({
  name: "svelte",
  setup({ onLoad }) {
    onLoad({ filter: /\.svelte$/ }, ({ path }) => ({
      contents: compile(readFileSync(path, "utf8"), { generate, filename: path }).js.code,
    }));
  },
});

const options = (path, generate) => ({
  entryPoints: [join(ROOT, "tests/frameworks", path)],
  bundle: true,
  nodePaths: [join(PACKAGE, "node_modules")],
  logLevel: "error",
  plugins: [mirrorball, svelte(generate)],
  define: {
    // React's strict mode mounts twice in development only.
    "process.env.NODE_ENV": '"development"',
    __VUE_OPTIONS_API__: "false",
    __VUE_PROD_DEVTOOLS__: "false",
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: "true",
  },
});

/** The text of a module for a page. */
export async function bundlePage(path) {
  const { outputFiles } = await build({ ...options(path, "client"), format: "esm", platform: "browser", write: false });
  return outputFiles[0].text;
}

/** The exports of a module for Node. */
export async function importServer(path) {
  const directory = join(ROOT, "target/frameworks");
  await mkdir(directory, { recursive: true });
  const outfile = join(directory, path.replaceAll(/\W/g, "-").concat(".cjs"));
  const logOverride = { "empty-import-meta": "silent" };
  await build({ ...options(path, "server"), format: "cjs", platform: "node", outfile, logOverride });
  return require(outfile);
}
