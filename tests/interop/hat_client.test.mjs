// hat-juggler's client (Python) with our server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { until } from "../browser/until.mjs";
import { digest } from "./canonical.mjs";
import { expectConvergence, throughRequests } from "./convergence.mjs";
import { Driver } from "./driver.mjs";
import { Fixture } from "./fixture.mjs";
import { HatClient } from "./hat.mjs";

let fixture;
before(async () => (fixture = await Fixture.open()));
after(() => fixture.close());

/** A server of ours, the public client connected to it, and a driver. */
async function connect(t, plan = {}, options = {}) {
  const { url } = await fixture.start(plan);
  const driver = await Driver.connect(url);
  const client = await HatClient.connect(url, options);
  t.after(async () => {
    driver.close();
    await client.close();
  });
  return { client, driver };
}

for (const segment of [1, 65_536]) {
  test(`the state is the same after 1,000 changes, in segments of ${segment}`, async (t) => {
    const { client, driver } = await connect(t, { segment }, { max_segment_size: segment });
    await expectConvergence(segment, { ...throughRequests(driver), mirror: () => client.state() });
  });
}

test("the state is the same after changes that are sent together", async (t) => {
  const { client, driver } = await connect(t);
  for (let seed = 0; seed < 100; seed += 1) {
    await driver.request("random-changes", { seed, count: 20 });
    const expected = digest(JSON.parse(await driver.request("snapshot")));
    await until(`the client agrees after seed ${seed}`, async () => digest(await client.state()) === expected);
  }
});

test("a state that is there already arrives, and null does, too", async (t) => {
  const state = { deep: [[[{ "😀": null }]]], "": 0, text: "語".repeat(100_000) };
  const { client, driver } = await connect(t, { state });
  await until("the first state arrives", async () => digest(await client.state()) === digest(state));
  await driver.request("set", { path: "", value: null });
  await until("null arrives", async () => (await client.state()) === null);
});

for (const size of [1, 65_536]) {
  test(`requests are answered and refused, in segments of ${size}`, async (t) => {
    const { client } = await connect(t, { segment: size }, { max_segment_size: size });
    const data = { text: "a😀é\u{10ffff}", numbers: [0, -1, 1.5, 2 ** 53], nested: [{}, [], null, true] };
    assert.deepEqual(await client.send("", data), { done: data }, "echo");
    assert.deepEqual(await client.send("set", { path: "/a", value: data }), { done: null });
    assert.deepEqual(await client.state(), { a: data }, "what a request changed is there with its answer");
    assert.deepEqual(JSON.parse((await client.send("snapshot", null)).done), { a: data });
    assert.deepEqual(await client.send("fail", data), { refused: data });
    assert.deepEqual(await client.send("fail", "in words"), { refused: "in words" });
    assert.match((await client.send("panic", null)).refused, /failed inside the server/);
    assert.equal((await client.send("no-such", null)).refused.code, "unknown-request");
    assert.deepEqual(await client.send("", "still there"), { done: "still there" });
  });
}

test("messages of many segments pass in both directions", async (t) => {
  const { client } = await connect(t);
  // Of two, three and four bytes: this peer counts characters, and its segments are up to four times as long.
  for (const character of ["é", "語", "😀"]) {
    const data = character.repeat(200_000);
    const { done } = await client.send("", data);
    assert.ok(done === data, `200,000 times ${character}`);
  }
});

test("requests in progress are handled in order, or all at once", async (t) => {
  for (const parallel of [false, true]) {
    const { client } = await connect(t, { parallel });
    const order = [];
    const send = async (name, data) => {
      await client.send(name, data);
      order.push(name);
    };
    await Promise.all([send("sleep", { milliseconds: 200 }), send("snapshot", null)]);
    assert.deepEqual(order, parallel ? ["snapshot", "sleep"] : ["sleep", "snapshot"]);
  }
});

test("notifications arrive in order, around the state they came with", async (t) => {
  const { client } = await connect(t);
  const items = Array.from({ length: 1_500 }, (_, index) => ({ index, text: "😀".repeat(index % 7) }));
  assert.deepEqual(await client.send("notify", { name: "news", items }), { done: null });
  await until("all are there", async () => (await client.notifications()).length === items.length);
  assert.deepEqual(await client.notifications(), items.map((item) => ["news", item]));
});

test("pings are answered on both sides", async (t) => {
  const often = 0.02;
  const { client: asking } = await connect(t, {}, { ping_delay: often });
  await until("the client's pings are answered", async () => {
    const { sent, received } = await asking.segments();
    return sent[2] >= 3 && received[3] >= 3;
  });
  const { client: asked } = await connect(t, { pingDelay: often * 1_000 });
  await until("the server's pings are answered", async () => {
    const { sent, received } = await asked.segments();
    return received[2] >= 3 && sent[3] >= 3;
  });
  for (const client of [asking, asked]) assert.deepEqual(await client.send("", 1), { done: 1 });
});

test("a request that waits is told that the connection is gone", async (t) => {
  const { client } = await connect(t, { parallel: true });
  const waiting = client.send("never", null);
  const closing = client.send("close", null);
  assert.deepEqual(await waiting, { lost: true });
  await closing;
  assert.deepEqual(await client.send("", null), { lost: true });
});
