// The project that the packed tarball is installed into, and what its pages have to show.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expectNoComplaints, openContext, openPage } from "../browser/chromium.mjs";
import { Program, ROOT } from "../browser/program.mjs";

const MIRRORBALL = process.env.MIRRORBALL_BIN ?? join(ROOT, "target/debug/mirrorball");

/** Where `package.json` and the tarball are installed. */
export const PROJECT = process.env.MIRRORBALL_ENVIRONMENTS ?? join(ROOT, "target/environments");
/** The package, as it was installed. */
export const PACKAGE = join(PROJECT, "node_modules/mirrorball");
/** The sources that every bundler gets. */
export const APP = join(PROJECT, "app");

/** What a check has to come to. */
export const EXPECTED = { name: "plant", answer: ["one", 2] };

const require = createRequire(join(PROJECT, "package.json"));

/** A package of the project. */
export const tool = async (name) => {
  const entry = await import(pathToFileURL(require.resolve(name)).href);
  return entry.default ?? entry;
};

/** Writes the project's own files anew. */
export function prepare() {
  rmSync(APP, { recursive: true, force: true });
  cpSync(join(ROOT, "tests/environments/app"), APP, { recursive: true });
  writeFileSync(join(PROJECT, "plant.json"), JSON.stringify({ name: "plant" }));
}

/** An empty folder of the project. */
export function folder(name) {
  const path = join(PROJECT, "out", name);
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  return path;
}

/** Puts the page into `folder`, with `script` as its only one. */
export function writePage(folder, script) {
  const page = readFileSync(join(APP, "index.html"), "utf8");
  writeFileSync(join(folder, "index.html"), page.replace("./main.js", script));
}

/** Starts the real server, with that state. It serves the folder `www` under its own, strict, policy. */
export const serve = (www, ...more) =>
  Program.start(
    MIRRORBALL,
    ["serve", "--state", join(PROJECT, "plant.json"), "--www", www, "--listen", "127.0.0.1:0", ...more],
    /^open http:\/\/([^/]+)\//,
  );

/** Opens the page at `url`, and returns what it checked; it may not complain. */
export async function checked(browser, url) {
  const context = await openContext(browser);
  try {
    const { page, complaints } = await openPage(context, url);
    await page.waitForFunction(() => globalThis.checked !== undefined).catch((error) => {
      throw new Error(`the page's script did not run: ${complaints.join("\n")}`, { cause: error });
    });
    const result = await page.evaluate(() => globalThis.checked);
    expectNoComplaints(complaints);
    return result;
  } finally {
    await context.close();
  }
}

/** Fails where the page in `www`, served by the real server, does not get a state and an answer. */
export async function expectServed(browser, www, expected = EXPECTED) {
  const server = await serve(www);
  try {
    assert.deepEqual(await checked(browser, `http://${server.address}/`), expected);
  } finally {
    await server.kill();
  }
}
