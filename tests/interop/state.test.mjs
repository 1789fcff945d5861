// When a state is sent, and to whom.

import assert from "node:assert/strict";
import { test } from "node:test";

import { until } from "../browser/until.mjs";
import { digest } from "./canonical.mjs";
import { Changes } from "./changes.mjs";
import { eachPair } from "./matrix.mjs";

eachPair(({ server, startAndConnect }) => {
  test("the state is the same after changes that are gathered", async (t) => {
    const { driver, peer } = await startAndConnect(t, { autoflush: 20, state: 0 });
    const changes = new Changes(7);
    await server.change(driver, [{ path: "", value: changes.value }], changes.value);
    for (let made = 0; made < 200; made += 1) await server.change(driver, [changes.next()], changes.value);
    await until("the client agrees", async () => digest(await peer.state()) === digest(changes.value));
  });

  test("a state that is there already arrives, and null does, too", async (t) => {
    const state = { deep: [[[{ "😀": null }]]], "": 0, text: "語".repeat(40_000) };
    const { driver, peer } = await startAndConnect(t, { state });
    await until("the first state arrives", async () => digest(await peer.state()) === digest(state));
    await driver.request(...server.set(null));
    await until("null arrives", async () => (await peer.state()) === null);
  });

  test("without automatic flushing, changes come when they are flushed", async (t) => {
    const { driver, peer } = await startAndConnect(t, { autoflush: null });
    await driver.request(...server.set({ changed: 1 }));
    assert.deepEqual(await peer.send("", "an answer later"), { done: "an answer later" });
    assert.equal(await peer.state(), null, "sent before it was flushed");
    assert.deepEqual(await peer.send("flush", null), { done: null });
    await until("the change is there", async () => digest(await peer.state()) === digest({ changed: 1 }));
  });

  test("a state is shared by all connections", async (t) => {
    const { driver, peer } = await startAndConnect(t, { state: { begun: 1 } });
    await until("it begins", async () => digest(await peer.state()) === digest({ begun: 1 }));
    await driver.request(...server.set({ changed: "by another" }));
    await until("the change is there", async () => digest(await peer.state()) === digest({ changed: "by another" }));
    await peer.send(...server.set({ changed: "by this" }));
    assert.deepEqual(JSON.parse(await driver.request("snapshot")), { changed: "by this" });
  });

  test("a state is a connection's own", async (t) => {
    const { driver, peer } = await startAndConnect(t, { state: { begun: 1 }, own: true });
    await until("it begins", async () => digest(await peer.state()) === digest({ begun: 1 }));
    await driver.request(...server.set({ changed: "by another" }));
    // What comes behind an answer would have come before it.
    assert.deepEqual(await peer.send("", 1), { done: 1 });
    assert.deepEqual(await peer.state(), { begun: 1 });
    await peer.send(...server.set({ changed: "by this" }));
    await until("the change is there", async () => digest(await peer.state()) === digest({ changed: "by this" }));
    assert.deepEqual(JSON.parse(await driver.request("snapshot")), { changed: "by another" });
  });
});
