// Our client in a browser with hat-juggler's server (Python).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "../browser/chromium.mjs";
import { openSite } from "../browser/site.mjs";
import { until } from "../browser/until.mjs";
import { digest } from "./canonical.mjs";
import { connectClient } from "./client.mjs";
import { expectConvergence } from "./convergence.mjs";
import { startHatServer } from "./hat.mjs";

const LOST = /^error: WebSocket connection to .* failed/;

let site, browser;
before(async () => ([site, browser] = await Promise.all([openSite(), launch()])));
after(() => Promise.all([site.close(), browser.close()]));

const connect = (t, url, options) => connectClient(t, { browser, site, url, ...options });

/** A server of hat-juggler for one test. */
async function startHat(t, options = {}) {
  const server = await startHatServer({ autoflush_delay: 0, ...options });
  t.after(() => server.kill());
  return server;
}

const throughHat = (driver) => ({
  // It is given the whole value, and finds out what changed: so its diffs are its own.
  change: (_, value) => driver.request("set", value),
  snapshot: async () => JSON.parse(await driver.request("snapshot")),
});

for (const segment of [16, 65_536]) {
  test(`the state is the same after 1,000 changes, in segments of ${segment}`, async (t) => {
    const { address } = await startHat(t, { max_segment_size: segment });
    const { client, driver } = await connect(t, address, { maxSegmentSize: segment });
    await expectConvergence(segment, { ...throughHat(driver), mirror: client.state });
  });
}

test("the state is the same after changes that are sent together", async (t) => {
  const { address } = await startHat(t, { autoflush_delay: 0.02 });
  const { client, driver } = await connect(t, address);
  await expectConvergence(7, { ...throughHat(driver), mirror: client.state });
});

for (const segment of [1, 65_536]) {
  test(`requests are answered and refused, in segments of ${segment}`, async (t) => {
    const { address } = await startHat(t, { max_segment_size: segment });
    const { client } = await connect(t, address, { maxSegmentSize: segment });
    const data = { text: "a😀é\u{10ffff}", numbers: [0, -1, 1.5, 2 ** 53], nested: [{}, [], null, true] };
    assert.deepEqual(await client.send("", data), { done: data }, "echo");
    assert.deepEqual(await client.send("set", data), { done: null });
    await until("what the request changed arrives", async () => digest(await client.state()) === digest(data));
    assert.deepEqual(JSON.parse((await client.send("snapshot", null)).done), data);
    assert.deepEqual(await client.send("fail", "in words 😀"), { code: "remote", data: "in words 😀" });
    assert.deepEqual(await client.send("no-such", null), { code: "remote", data: "unknown request no-such" });
    assert.deepEqual(await client.send("", "still there"), { done: "still there" });
  });
}

test("messages of many segments pass in both directions", async (t) => {
  const { address } = await startHat(t);
  const { client } = await connect(t, address);
  for (const character of ["é", "語", "😀"]) {
    const data = character.repeat(200_000);
    const { done } = await client.send("", data);
    assert.ok(done === data, `200,000 times ${character}`);
  }
});

test("notifications arrive in order", async (t) => {
  const { address } = await startHat(t);
  const { client } = await connect(t, address);
  const items = Array.from({ length: 1_500 }, (_, index) => ({ index, text: "😀".repeat(index % 7) }));
  assert.deepEqual(await client.send("notify", { name: "news", items }), { done: null });
  await until("all are there", async () => (await client.notifications()).length === items.length);
  assert.deepEqual(await client.notifications(), items.map((data) => ({ name: "news", data })));
});

test("pings are answered on both sides", async (t) => {
  const often = 0.02;
  const { address: quiet } = await startHat(t);
  const asking = await connect(t, quiet, { pingDelay: often * 1_000 });
  await until("the client's pings are answered", () => asking.segments.sent[2] >= 3 && asking.segments.received[3] >= 3);
  const { address: lively } = await startHat(t, { ping_delay: often });
  const asked = await connect(t, lively);
  await until("the server's pings are answered", () => asked.segments.received[2] >= 3 && asked.segments.sent[3] >= 3);
  for (const { client } of [asking, asked]) assert.deepEqual(await client.send("", 1), { done: 1 });
});

test("the client comes back, and its state is the new one", async (t) => {
  const server = await startHat(t, { data: { old: 1, kept: [1, 2] } });
  const { client, segments } = await connect(t, server.address, { expected: LOST });
  const waiting = client.send("never", null);
  await until("the request is on its way", () => segments.sent[0] === 1);
  await server.kill();
  assert.deepEqual(await waiting, { code: "connection-lost", data: null });
  await until("the client is stale", async () => (await client.status()) === "stale");
  assert.deepEqual(await client.state(), { old: 1, kept: [1, 2] }, "the last state is kept");
  await startHat(t, { port: Number(new URL(server.address).port), data: { new: "😀" } });
  await until("the client is connected again", async () => (await client.status()) === "connected");
  assert.deepEqual(await client.state(), { new: "😀" });
  assert.equal(await client.gaps(), 1);
});
