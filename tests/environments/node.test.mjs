// The installed package in Node.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";

import { APP, EXPECTED, folder, prepare, serve } from "./project.mjs";

const ENTRIES = ["mirrorball", "mirrorball/inline", "mirrorball/slim"];

before(prepare);

/** Runs a script of the project to its end, and reads what it printed. */
async function run(script, ...parameters) {
  const { stdout } = await promisify(execFile)(process.execPath, [join(APP, script), ...parameters]);
  return JSON.parse(stdout);
}

for (const entry of ENTRIES) {
  test(`Node runs ${entry}`, async () => {
    const server = await serve(folder("node"));
    try {
      assert.deepEqual(await run("node.mjs", entry, `ws://${server.address}/ws`), EXPECTED);
    } finally {
      await server.kill();
    }
  });

  test(`nothing happens where ${entry} is imported`, async () => {
    assert.deepEqual(await run("import.mjs", entry), { class: "function", did: [] });
  });
}

test("a client that cannot run says what it misses, and fails without an exception", async () => {
  const failures = await run("alone.mjs");
  const expected = [
    ["unsupported", /no WebSocket here: Node has one from version 22 on/],
    ["wasm-load", /provideWasm\(\) has to be called before the first client/],
    ["wasm-load", /no-such\.wasm/],
    ["wasm-load", /no way there/],
  ];
  assert.equal(failures.length, expected.length);
  failures.forEach(([isKind, code, message, state, isLast], index) => {
    const [expectedCode, words] = expected[index];
    assert.deepEqual([isKind, code, state, isLast], [true, expectedCode, "failed", true], message);
    assert.match(message, words);
  });
});
