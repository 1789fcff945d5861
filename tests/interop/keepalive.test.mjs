// Silence, on either side.

import assert from "node:assert/strict";
import { test } from "node:test";

import { until } from "../browser/until.mjs";
import { digest } from "./canonical.mjs";
import { eachPair } from "./matrix.mjs";
import { openTap } from "./tap.mjs";

const OFTEN = { pingDelay: 20 };
const IMPATIENT = { pingDelay: 100, pingTimeout: 300 };
/** What a page says of a connection that is gone, or of pings that `@hat-open/juggler` goes on to send over it. */
const LOST = /^error: WebSocket (connection to .* failed|is already in CLOSING or CLOSED state)/;

eachPair(({ start, connect }) => {
  test("pings are answered on both sides", async (t) => {
    const asking = await openTap(t, (await start(t, { state: 0 })).address);
    const asked = await openTap(t, (await start(t, { state: 0, ...OFTEN })).address);
    // The tap may end before the page.
    const peers = [await connect(t, asking.address, { ...OFTEN, expected: LOST }), await connect(t, asked.address)];
    await until("the client's pings are answered", () => asking.segments.sent[2] >= 3 && asking.segments.received[3] >= 3);
    await until("the server's pings are answered", () => asked.segments.received[2] >= 3 && asked.segments.sent[3] >= 3);
    for (const peer of peers) assert.deepEqual(await peer.send("", 1), { done: 1 });
  });

  test("a silent server is left by its client", async (t) => {
    const { address } = await start(t, { state: 0 });
    const tap = await openTap(t, address);
    const peer = await connect(t, tap.address, { ...IMPATIENT, expected: LOST });
    assert.deepEqual(await peer.send("", 1), { done: 1 });
    tap.hush();
    const waiting = peer.send("never", null);
    await until("the client leaves", () => tap.left.client);
    assert.ok((await waiting).lost);
    assert.equal(tap.left.server, false);
  });

  test("a silent client is left by its server", async (t) => {
    const { address } = await start(t, { state: 0, ...IMPATIENT });
    const tap = await openTap(t, address);
    const peer = await connect(t, tap.address, { expected: LOST });
    assert.deepEqual(await peer.send("", 1), { done: 1 });
    tap.hush();
    await until("the server leaves", () => tap.left.server);
    assert.equal(tap.left.client, false);
  });
});

eachPair(
  ({ start, connect }) => {
    test("a server that stands still is left, and found again when it moves", async (t) => {
      const running = await start(t, { state: { kept: 1 } });
      const peer = await connect(t, running.address, { ...IMPATIENT, expected: LOST });
      // It does not end by that.
      void running.kill("SIGSTOP");
      await until("the silence is heard", async () => (await peer.status()).state === "stale");
      assert.deepEqual(await peer.state(), { kept: 1 }, "the last state is kept");
      assert.ok((await peer.send("", 1)).lost);
      void running.kill("SIGCONT");
      await until("it is connected again", async () => (await peer.status()).state === "connected");
      assert.deepEqual(await peer.notifications(), ["Reconnected"]);
    });

    test("the client comes back to a server that was killed, and its state is the new one", async (t) => {
      const running = await start(t, { state: { old: 1, kept: [1, 2] } });
      const tap = await openTap(t, running.address);
      const peer = await connect(t, tap.address, { expected: LOST });
      const waiting = peer.send("never", null);
      await until("the request is on its way", () => tap.segments.sent[0] === 1);
      await running.kill();
      assert.ok((await waiting).lost);
      await until("the client is stale", async () => (await peer.status()).state === "stale");
      assert.deepEqual(await peer.state(), { old: 1, kept: [1, 2] });
      await start(t, { port: Number(new URL(running.address).port), state: { new: "😀" } });
      await until("the new state is there", async () => digest(await peer.state()) === digest({ new: "😀" }));
      assert.ok((await peer.notifications()).includes("Reconnected"));
    });
  },
  // With ours: `tests/tests/client/life.rs` and `client-wasm/tests/browser/life.rs`.
  ({ client, server }) => client.isOurs && server.name !== "our server",
);
