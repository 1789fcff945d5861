// What CometD has beyond the protocol.

import assert from "node:assert/strict";
import { test } from "node:test";

import { until } from "../browser/until.mjs";
import { tell } from "./driver.mjs";
import { eachPair } from "./matrix.mjs";
import { openTap } from "./tap.mjs";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const has =
  (extension) =>
  ({ client, server }) =>
    client.differences.extensions.includes(extension) && server.isOurs;

eachPair(({ startAndConnect }) => {
  test("remote calls are answered, and fail", async (t) => {
    const { peer } = await startAndConnect(t);
    const data = { any: ["😀", null] };
    assert.deepEqual(await peer.done("call", { target: "echo", data }), { successful: true, data });
    assert.deepEqual(await peer.done("call", { target: "fail", data }), { successful: false, data });
  });
}, has("call"));

eachPair(({ startAndConnect }) => {
  test("bytes come as they were sent", async (t) => {
    const { peer } = await startAndConnect(t, {}, { extensions: ["binary"] });
    const bytes = Array.from({ length: 258 }, (_, n) => n % 256);
    const lengths = [0, 1, 2, 3, 4, 5, 258];
    await peer.done("subscribe", { channel: "/bytes" });
    for (const length of lengths) await peer.done("bytes", { channel: "/bytes", bytes: bytes.slice(0, length) });
    await until("all are there", async () => (await peer.messages()).length === lengths.length);
    assert.deepEqual(await peer.messages(), lengths.map((length) => ["/bytes", bytes.slice(0, length)]));
  });
}, has("binary"));

eachPair(({ start, connect }) => {
  test("with acknowledgements nothing is lost or doubled, however often the connection breaks", async (t) => {
    const running = await start(t);
    const tap = await openTap(t, running);
    const peer = await connect(t, tap.address, { extensions: ["ack"] });
    await peer.done("subscribe", { channel: "/room/*" });
    assert.equal((await peer.status()).ack, true);
    const messages = Array.from({ length: 100 }, (_, n) => ["/room/a", { n }]);
    for (let begun = 0; begun < messages.length; begun += 20) {
      await tell(running.address, ...messages.slice(begun, begun + 10));
      // Some are on their way.
      tap.cut();
      await tell(running.address, ...messages.slice(begun + 10, begun + 20));
      tap.mend();
    }
    await until("they are heard", async () => (await peer.messages()).length >= messages.length);
    assert.equal((await peer.messages()).map(([, { n }]) => n).join(), messages.map((_, n) => n).join());
  });
}, has("ack"));

eachPair(({ startAndConnect }) => {
  // With ours: `client/tests/bayeux`.
  test("a clock that is an hour slow is set right", async (t) => {
    const { peer } = await startAndConnect(t, { timeout: 100 }, { extensions: ["timesync"], slow: HOUR });
    const { offset, lag } = await until("it was asked", async () => {
      const clock = await peer.done("clock");
      return clock.offset !== 0 && clock;
    });
    assert.ok(Math.abs(offset - HOUR) < MINUTE && lag >= 0, JSON.stringify({ offset, lag }));
  });
}, has("timesync"));
