// Requests, their answers, notifications.

import assert from "node:assert/strict";
import { test } from "node:test";

import { until } from "../browser/until.mjs";
import { digest } from "./canonical.mjs";
import { eachPair } from "./matrix.mjs";

eachPair(({ client, server, startAndConnect }) => {
  for (const segment of [1, 65_536]) {
    test(`requests are answered and refused, in segments of ${segment}`, async (t) => {
      const { driver, peer } = await startAndConnect(t, { segment, state: 0 }, { segment });
      const text = segment === 1 && client.cutsCharacters ? "aé語" : "a😀é\u{10ffff}";
      const data = { text, numbers: [0, -1, 1.5, 2 ** 53], nested: [{}, [], null, true] };
      assert.deepEqual(await peer.send("", data), { done: data }, "echo");
      assert.deepEqual(await peer.send(...server.set(data)), { done: null });
      await until("what the request changed arrives", async () => digest(await peer.state()) === digest(data));
      assert.deepEqual(JSON.parse(await driver.request("snapshot")), data);
      for (const error of server.errors) {
        if (segment === 1 && client.cutsCharacters) continue;
        assert.deepEqual(await peer.send("fail", error), { refused: error });
      }
      assert.match(JSON.stringify((await peer.send("no-such", null)).refused), /no-such/);
      assert.deepEqual(await peer.send("", "still there"), { done: "still there" });
    });
  }

  test("messages of many segments pass in both directions", async (t) => {
    const { peer } = await startAndConnect(t, { state: 0 });
    // Of two, three and four bytes: peers count characters, and their segments are up to four times as long.
    for (const character of client.cutsCharacters ? ["é", "語"] : ["é", "語", "😀"]) {
      const data = character.repeat(200_000);
      const { done } = await peer.send("", data);
      assert.ok(done === data, `200,000 times ${character}`);
    }
  });

  test("requests in progress are handled in order", async (t) => {
    const { peer } = await startAndConnect(t, { state: 0 });
    const order = [];
    const send = async (name, data) => {
      await peer.send(name, data);
      order.push(name);
    };
    await Promise.all([send("sleep", { milliseconds: 200 }), send("snapshot", null)]);
    assert.deepEqual(order, ["sleep", "snapshot"]);
  });

  test("parallel requests are handled at once, and those that wait are told that the connection is gone", async (t) => {
    // What a page says of a connection that is not made again at once.
    const expected = /^error: WebSocket connection to .* failed/;
    const { peer } = await startAndConnect(t, { parallel: true, state: 0 }, { expected });
    const never = peer.send("never", null);
    const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => peer.send("", index)));
    assert.deepEqual(answers, answers.map((_, index) => ({ done: index })));
    const closing = peer.send("close", null);
    assert.ok((await never).lost);
    await closing;
  });

  test("notifications arrive in order", async (t) => {
    const { peer } = await startAndConnect(t, { state: 0 });
    const items = Array.from({ length: 1_500 }, (_, index) => ({ index, text: "😀".repeat(index % 7) }));
    assert.deepEqual(await peer.send("notify", { name: "news", items }), { done: null });
    await until("all are there", async () => (await peer.notifications()).length === items.length);
    assert.deepEqual(await peer.notifications(), items.map((item) => ["news", item]));
  });
});

eachPair(
  ({ startAndConnect }) => {
    test("what a client breaks stays the client's fault: the connection lives", async (t) => {
      const { peer } = await startAndConnect(t, { state: 0 }, { segment: 1 });
      assert.deepEqual(await peer.send("", "a😀b"), { done: "a\ufffd\ufffdb" });
    });
  },
  ({ client, server }) => client.cutsCharacters && server.name === "our server",
);
