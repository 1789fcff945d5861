// The installed package under a Content-Security-Policy, in Chromium.

import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, openContext, openPage } from "../browser/chromium.mjs";
import { checked, EXPECTED, folder, PACKAGE, prepare, serve, writePage } from "./project.mjs";
import { openSite } from "./site.mjs";

const STRICT = "default-src 'none'; img-src data:; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
const WITHOUT_WASM = STRICT.replace(" 'wasm-unsafe-eval'", "");

let browser;
before(async () => {
  prepare();
  browser = await launch();
});
after(() => browser.close());

/** A page that keeps what a client of `entry` came to, in `folder`. */
function writeClient(entry) {
  const out = folder(`policy-${entry}`);
  cpSync(join(PACKAGE, "dist"), join(out, "mirrorball"), { recursive: true });
  writeFileSync(
    join(out, "main.js"),
    `import { Juggler } from "./mirrorball/${entry}.js";
const plant = new Juggler("/ws");
globalThis.checked = plant.ready.then(
  async () => ({ name: plant.state.name, answer: await plant.request("", ["one", 2]) }),
  ({ name, code, message }) => ({ name, code, message, state: plant.status.state }),
);
`,
  );
  writePage(out, "./main.js");
  return out;
}

/** What the page in `www` comes to under `policy`. */
async function outcome(www, policy) {
  const server = await serve(www);
  const site = await openSite(www, server.address, policy);
  const context = await openContext(browser);
  try {
    const { page } = await openPage(context, site.url);
    await page.waitForFunction(() => globalThis.checked !== undefined);
    return await page.evaluate(() => globalThis.checked);
  } finally {
    await context.close();
    site.close();
    await server.kill();
  }
}

for (const entry of ["index", "inline"]) {
  test(`a strict policy that allows WebAssembly is enough for ${entry}.js`, async () => {
    const www = writeClient(entry);
    const server = await serve(www);
    const site = await openSite(www, server.address, STRICT);
    try {
      // Nothing is forbidden on the way, either.
      assert.deepEqual(await checked(browser, site.url), EXPECTED);
    } finally {
      site.close();
      await server.kill();
    }
  });

  test(`one that does not allow WebAssembly is told of by the error of ${entry}.js`, async () => {
    const { name, code, message, state } = await outcome(writeClient(entry), WITHOUT_WASM);
    assert.deepEqual({ name, code, state }, { name: "WasmLoadError", code: "wasm-load", state: "failed" });
    assert.match(message, /has to allow 'wasm-unsafe-eval'/);
  });
}

test("a module that is not served is told of, and so is a page in its place", async () => {
  const www = writeClient("index");
  const wasm = join(www, "mirrorball/wasm/mirrorball_bg.wasm");
  rmSync(wasm);
  assert.match((await outcome(www, STRICT)).message, /mirrorball_bg\.wasm was answered with 404/);
  cpSync(join(www, "index.html"), join(www, "mirrorball/wasm/index.html"));
  const scripts = readdirSync(join(www, "mirrorball")).map((name) => join(www, "mirrorball", name));
  const script = scripts.find((path) => path.endsWith(".js") && readFileSync(path, "utf8").includes("mirrorball_bg.wasm"));
  writeFileSync(script, readFileSync(script, "utf8").replace("mirrorball_bg.wasm", "index.html"));
  assert.match((await outcome(www, STRICT)).message, /index\.html is a page, not the module/);
});
