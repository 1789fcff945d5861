// Sessions, subscriptions, messages, replies.

import assert from "node:assert/strict";
import { test } from "node:test";

import { until } from "../browser/until.mjs";
import { tell } from "./driver.mjs";
import { eachPair } from "./matrix.mjs";

/** What each pattern matches of the channels below. */
const CHANNELS = ["/room", "/room/a", "/room/b", "/room/b/c", "/hall/a"];
const MATCHED = {
  "/room/a": ["/room/a"],
  "/room/*": ["/room/a", "/room/b"],
  "/room/**": ["/room/a", "/room/b", "/room/b/c"],
  "/**": CHANNELS,
};

const END = "/end/of/it";

/** Publishes `messages`, and returns what the peer has heard by then. It has to listen to `END`. */
async function hear(running, peer, ...messages) {
  await tell(running.address, ...messages, [END, {}]);
  return await until("all is heard", async () => {
    const heard = await peer.messages();
    const end = heard.findIndex(([channel]) => channel === END);
    return end >= 0 && heard.slice(0, end);
  });
}

eachPair(({ client, server, transport, startAndConnect }) => {
  test("a session begins and ends", async (t) => {
    const { running, peer } = await startAndConnect(t);
    await until("it is connected", async () => (await peer.status()).isConnected);
    const { transport: spoken, sessions } = await peer.status();
    assert.deepEqual({ spoken, sessions }, { spoken: transport, sessions: 1 });
    assert.equal(await running.sessions(), 1);
    await peer.done("disconnect");
    await until("the session is gone", async () => (await running.sessions()) === 0);
  });

  for (const [pattern, expected] of Object.entries(MATCHED)) {
    test(`a subscription to ${pattern} hears what it matches`, async (t) => {
      const { running, peer } = await startAndConnect(t);
      for (const channel of [pattern, END]) await peer.done("subscribe", { channel });
      const heard = await hear(running, peer, ...CHANNELS.map((channel, n) => [channel, { n }]));
      assert.deepEqual(heard, expected.map((channel) => [channel, { n: CHANNELS.indexOf(channel) }]));
    });
  }

  test("a message comes once, however many subscriptions match it", async (t) => {
    const { running, peer } = await startAndConnect(t);
    for (const channel of ["/room/a", "/room/*", "/**"]) await peer.done("subscribe", { channel });
    const heard = await hear(running, peer, ["/room/a", { n: 1 }]);
    assert.deepEqual(heard, Array.from({ length: server.differences.copies }, () => ["/room/a", { n: 1 }]));
  });

  test("a publisher hears itself, and what is published is acknowledged", async (t) => {
    const { running, peer } = await startAndConnect(t);
    await peer.done("publish", { channel: "/nobody/listens", data: { n: 0 } });
    await peer.done("publish", { channel: "/service/nobody/handles", data: { n: 0 } });
    for (const channel of ["/own", END]) await peer.done("subscribe", { channel });
    await peer.done("publish", { channel: "/own", data: { n: 1 } });
    assert.deepEqual(await hear(running, peer), [["/own", { n: 1 }]]);
  });

  test("what is refused is told in the server's words", async (t) => {
    const { peer } = await startAndConnect(t);
    const refusals = { ...server.differences.refusals, ...client.differences.refusals };
    const expectRefusal = async (what, channel, expected) => {
      assert.deepEqual(await peer.ask({ do: what, channel, data: { n: 1 } }), expected(channel), `${what} ${channel}`);
    };
    await expectRefusal("subscribe", "/meta/subscribe", refusals.subscribeMeta);
    await expectRefusal("subscribe", "/meta/subscribe/x", refusals.subscribeLikeMeta);
    await expectRefusal("subscribe", "/service/x", refusals.subscribeService);
    await expectRefusal("subscribe", "/forbidden/x", refusals.subscribe);
    await expectRefusal("publish", "/forbidden/x", refusals.publish);
    await expectRefusal("publish", "/room/*", refusals.publishWild);
    // It goes on.
    await peer.done("publish", { channel: "/room/a", data: {} });
  });

  test("nothing comes after a subscription has ended", async (t) => {
    const { running, peer } = await startAndConnect(t);
    for (const channel of ["/room/a", "/room/*", END]) await peer.done("subscribe", { channel });
    await tell(running.address, ["/room/b", { n: 1 }]);
    await until("it is heard", async () => (await peer.messages()).length > 0);
    for (const channel of ["/room/*", "/room/a"]) await peer.done("unsubscribe", { channel });
    // What one client asks for may go on two connections, in no order, and the answer is not waited for by all.
    await peer.done("publish", { channel: "/nobody/listens", data: {} });
    assert.deepEqual(await hear(running, peer, ["/room/a", { n: 2 }], ["/room/b", { n: 3 }]), [["/room/b", { n: 1 }]]);
  });

  test("any text passes, in both directions", async (t) => {
    const { running, peer } = await startAndConnect(t);
    for (const channel of ["/text", END]) await peer.done("subscribe", { channel });
    const data = { "😀": ["a😀é\u{10ffff}", "\u0000\u2028\u2029\\\"/", ""], "": null, number: -1.5e-7, long: "語".repeat(2_000) };
    const shorter = { ...data, long: "語" };
    await peer.done("publish", { channel: "/text", data: shorter });
    assert.deepEqual(await hear(running, peer, ["/text", data]), [["/text", shorter], ["/text", data]]);
  });

  test("many messages arrive in order", async (t) => {
    const { running, peer } = await startAndConnect(t);
    for (const channel of ["/news", END]) await peer.done("subscribe", { channel });
    const messages = Array.from({ length: 500 }, (_, n) => ["/news", { n, text: "😀".repeat(n % 300) }]);
    const heard = await hear(running, peer, ...messages);
    assert.equal(heard.map(([, { n }]) => n).join(), messages.map((_, n) => n).join());
    assert.deepEqual(heard, messages);
  });

  test("what is sent together is carried out in order", async (t) => {
    const { running, peer } = await startAndConnect(t);
    await peer.done("subscribe", { channel: END });
    const publish = (n) => ({ do: "publish", channel: "/batch", data: { n } });
    const numbers = [1, 2, 3, 4, 5];
    await peer.done("batch", { steps: [publish(0), { do: "subscribe", channel: "/batch" }, ...numbers.map(publish)] });
    assert.deepEqual(await hear(running, peer), numbers.map((n) => ["/batch", { n }]));
  });
});
