// The same value on both ends, whatever happens to it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { until } from "../browser/until.mjs";
import { digest } from "./canonical.mjs";
import { Changes } from "./changes.mjs";
import { eachPair } from "./matrix.mjs";

const CHANGES = 1_000;
/** After so many changes it is seen whether all agree. */
const CHECKED = 100;
/** Bytes in a segment, and how many changes are made at once: each segment is a WebSocket message of its own. */
const RUNS = [
  [1, 50],
  [65_536, 1],
];

eachPair(({ server, startAndConnect }) => {
  for (const [segment, together] of RUNS) {
    test(`the state is the same after 1,000 changes, in segments of ${segment}`, async (t) => {
      const { driver, peer } = await startAndConnect(t, { segment, state: 0 }, { segment });
      const changes = new Changes(segment);
      await server.change(driver, [{ path: "", value: changes.value }], changes.value);
      for (let made = 0; made < CHANGES; ) {
        const some = Array.from({ length: together }, () => changes.next());
        await server.change(driver, some, changes.value);
        made += together;
        if (made % CHECKED !== 0) continue;
        const expected = digest(changes.value);
        const snapshot = JSON.parse(await driver.request("snapshot"));
        assert.equal(digest(snapshot), expected, `seed ${segment}: the server after ${made} changes`);
        await until(`seed ${segment}: the client agrees after ${made} changes`, async () => digest(await peer.state()) === expected);
      }
    });
  }
});

/** Our clients, whose objects take keys for data that `@hat-open/juggler` takes for prototypes. */
eachPair(
  ({ startAndConnect }) => {
    test("the state is the same, whatever its keys are called", async (t) => {
      const { driver, peer } = await startAndConnect(t);
      let seen = false;
      for (let seed = 0; seed < 100; seed += 1) {
        await driver.request("random-changes", { seed, count: 20 });
        const text = await driver.request("snapshot");
        seen ||= text.includes('"__proto__":');
        const expected = digest(JSON.parse(text));
        await until(`the client agrees after seed ${seed}`, async () => digest(await peer.state()) === expected);
      }
      assert.ok(seen, "the changes had a key of every kind");
    });
  },
  ({ client, server }) => client.isOurs && server.name === "our server",
);
