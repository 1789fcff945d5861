// What the guides have one do outside of a page.

import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

import { ROOT } from "../browser/program.mjs";
import { RemoteClient, startNative } from "../interop/process.mjs";

const MIRRORBALL = process.env.MIRRORBALL_BIN ?? join(ROOT, "target/debug/mirrorball");

test("the server of the guide to testing starts, serves its file, and ends", async (t) => {
  const guide = await readFile(join(ROOT, "docs/guides/testing.md"), "utf8");
  const [, code] = /```js\n(.*?)```/s.exec(guide);
  const module = join(ROOT, "target/frameworks/testing-guide.mjs");
  await mkdir(dirname(module), { recursive: true });
  await writeFile(module, code);
  const { startServer } = await import(pathToFileURL(module));
  const path = process.env.PATH;
  process.env.PATH = [dirname(MIRRORBALL), path].join(delimiter);
  t.after(() => (process.env.PATH = path));
  const server = await startServer("--state", join(ROOT, "tests/package.json"));
  t.after(() => server.stop());
  const client = new RemoteClient(t, await startNative({ address: `${server.address.replace("http", "ws")}/ws` }));
  assert.equal((await client.state()).name, "mirrorball-tests");
  server.stop();
  await assert.rejects(startServer("--no-such-option"), /has ended/);
});
