// The installed package in each bundler, run in Chromium against the real server.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { launch } from "../browser/chromium.mjs";
import { APP, checked, EXPECTED, expectServed, folder, PACKAGE, prepare, PROJECT, serve, tool, writePage } from "./project.mjs";
import { openSite } from "./site.mjs";

/** What a page says that checks in a worker, too. */
const BOTH = [EXPECTED, EXPECTED];

let browser;
before(async () => {
  prepare();
  browser = await launch();
});
after(() => browser.close());

/** The one copy that esbuild and Rollup leave to their user. */
function copyWasm(out) {
  mkdirSync(join(out, "wasm"));
  copyFileSync(join(PACKAGE, "dist/wasm/mirrorball_bg.wasm"), join(out, "wasm/mirrorball_bg.wasm"));
}

/** Vite's configuration of both of its modes: its server hands WebSockets on to the real one. */
const viteConfig = (server, out) => {
  const proxy = { "/ws": { target: `ws://${server.address}`, ws: true } };
  const listen = { host: "127.0.0.1", port: 0, proxy };
  return {
    configFile: false,
    root: APP,
    cacheDir: join(out, "cache"),
    logLevel: "warn",
    build: { outDir: join(out, "dist"), emptyOutDir: true, target: "es2022" },
    worker: { format: "es" },
    server: listen,
    preview: listen,
  };
};

const portOf = ({ httpServer }) => httpServer.address().port;

test("Vite's server for development runs it, as it is", async () => {
  const { createServer } = await tool("vite");
  const out = folder("vite-dev");
  const server = await serve(out);
  const vite = await createServer(viteConfig(server, out));
  try {
    await vite.listen();
    assert.deepEqual(await checked(browser, `http://127.0.0.1:${portOf(vite)}/`), BOTH);
  } finally {
    await vite.close();
    await server.kill();
  }
});

test("Vite builds it, as it is, and its preview runs that", async () => {
  const { build, preview } = await tool("vite");
  const out = folder("vite");
  const server = await serve(out);
  const config = viteConfig(server, out);
  await build(config);
  const vite = await preview(config);
  try {
    assert.deepEqual(await checked(browser, `http://127.0.0.1:${portOf(vite)}/`), BOTH);
  } finally {
    await vite.close();
    await server.kill();
  }
  await expectServed(browser, join(out, "dist"), BOTH);
});

test("webpack builds it, as it is", async () => {
  const webpack = await tool("webpack");
  const out = folder("webpack");
  const compiler = webpack({
    mode: "production",
    context: APP,
    entry: "./main.js",
    output: { path: out, filename: "main.js" },
  });
  const stats = await promisify(compiler.run.bind(compiler))();
  await promisify(compiler.close.bind(compiler))();
  assert.equal(stats.hasErrors() || stats.hasWarnings(), false, stats.toString());
  writePage(out, "./main.js");
  await expectServed(browser, out, BOTH);
});

test("Parcel builds it, as it is", async () => {
  const out = folder("parcel");
  await parcel(APP, out);
  const server = await serve(out);
  // Without a policy: Parcel tells the page by an inline script where the wasm is.
  const site = await openSite(out, server.address);
  try {
    assert.deepEqual(await checked(browser, site.url), BOTH);
  } finally {
    site.close();
    await server.kill();
  }
});

test("Parcel builds the inline entry, where it is told to read exports", async () => {
  const root = folder("parcel-inline");
  writePage(root, "./inline.js");
  for (const name of ["check.js", "inline.js"]) copyFileSync(join(APP, name), join(root, name));
  const manifest = { private: true, "@parcel/resolver-default": { packageExports: true } };
  writeFileSync(join(root, "package.json"), JSON.stringify(manifest));
  // By its lock file Parcel knows the top of a project.
  writeFileSync(join(root, "package-lock.json"), "{}");
  await parcel(root, join(root, "dist"));
  await expectServed(browser, join(root, "dist"));
});

function parcel(cwd, out) {
  const options = ["build", "index.html", "--no-source-maps", "--no-cache", "--dist-dir", out];
  return promisify(execFile)(join(PROJECT, "node_modules/.bin/parcel"), options, { cwd });
}

test("Rollup builds the inline entry, as it is", async () => {
  const out = folder("rollup-inline");
  await rollup("inline.js", out);
  writePage(out, "./inline.js");
  await expectServed(browser, out);
});

test("Rollup builds the main entry, and the wasm is copied beside it", async () => {
  const out = folder("rollup");
  await rollup("page.js", out);
  copyWasm(out);
  writePage(out, "./page.js");
  await expectServed(browser, out);
});

async function rollup(entry, dir) {
  const { rollup } = await tool("rollup");
  const nodeResolve = await tool("@rollup/plugin-node-resolve");
  const warnings = [];
  const bundle = await rollup({
    input: join(APP, entry),
    plugins: [nodeResolve()],
    onwarn: ({ message }) => warnings.push(message),
  });
  await bundle.write({ dir, format: "es" });
  await bundle.close();
  assert.deepEqual(warnings, []);
}

test("esbuild builds the inline entry, as it is", async () => {
  const out = folder("esbuild-inline");
  await esbuild("inline.js", out);
  writePage(out, "./inline.js");
  await expectServed(browser, out);
});

test("esbuild builds the main entry, and the wasm is copied beside it", async () => {
  const out = folder("esbuild");
  await esbuild("page.js", out);
  copyWasm(out);
  writePage(out, "./page.js");
  await expectServed(browser, out);
});

async function esbuild(entry, outdir) {
  const { build } = await tool("esbuild");
  const options = { bundle: true, format: "esm", minify: true, target: "es2022", logLevel: "silent" };
  const { warnings } = await build({ entryPoints: [join(APP, entry)], outdir, ...options });
  assert.deepEqual(warnings, []);
}

test("what is not used is not bundled: not the client, nor its module", async () => {
  const { build } = await tool("esbuild");
  for (const entry of ["mirrorball", "mirrorball/inline", "mirrorball/slim"]) {
    const contents = `import { Juggler, RemoteError } from "${entry}"; console.log("nothing")`;
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: APP },
      bundle: true,
      format: "esm",
      minify: true,
      write: false,
    });
    assert.equal(outputFiles[0].text.trim(), 'console.log("nothing");', entry);
  }
});

test("pages load it without a bundler, and so do workers", async () => {
  const out = folder("plain");
  cpSync(join(PACKAGE, "dist"), join(out, "mirrorball"), { recursive: true });
  plain(["main.js", "worker.js"], out, "./mirrorball/index.js");
  writePage(out, "./main.js");
  await expectServed(browser, out, BOTH);
});

test("the slim entry takes the module from wherever the page has it", async () => {
  const out = folder("slim");
  cpSync(join(PACKAGE, "dist"), join(out, "mirrorball"), { recursive: true });
  copyFileSync(join(PACKAGE, "dist/wasm/mirrorball_bg.wasm"), join(out, "mirrorball.wasm"));
  plain(["slim.js"], out, "./mirrorball/slim.js");
  writePage(out, "./slim.js");
  await expectServed(browser, out);
});

/** Copies scripts with `path` in place of the package's name. */
function plain(scripts, out, path) {
  copyFileSync(join(APP, "check.js"), join(out, "check.js"));
  for (const name of scripts) {
    const script = readFileSync(join(APP, name), "utf8");
    writeFileSync(join(out, name), script.replace(/"mirrorball(\/\w+)?"/, `"${path}"`));
  }
}
