// @hat-open/juggler (JavaScript) in a browser with our server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { expectNoComplaints, launch, openContext, openPage } from "../browser/chromium.mjs";
import { openSite } from "../browser/site.mjs";
import { until } from "../browser/until.mjs";
import { digest } from "./canonical.mjs";
import { expectConvergence, throughRequests } from "./convergence.mjs";
import { Driver } from "./driver.mjs";
import { Fixture } from "./fixture.mjs";
import { watchSegments } from "./segments.mjs";

let fixture, site, browser;
before(async () => ([fixture, site, browser] = await Promise.all([Fixture.open(), openSite(), launch()])));
after(() => Promise.all([fixture.close(), site.close(), browser.close()]));

/** A server of ours, a page with the public client connected to it, and a driver. */
async function connect(t, plan = {}, { pingDelay = 30_000, segment = 65_536 } = {}) {
  const { url } = await fixture.start({ origin: site.origin, ...plan });
  const context = await openContext(browser);
  const { page, complaints } = await openPage(context, site.origin);
  const segments = watchSegments(page);
  await page.evaluate(
    async ({ url, pingDelay, segment }) => {
      const { Connection } = await import("@hat-open/juggler");
      const connection = new Connection(url, pingDelay, 30_000, segment);
      globalThis.connection = connection;
      globalThis.notifications = [];
      connection.addEventListener("notify", ({ detail }) => globalThis.notifications.push(detail));
      await new Promise((resolve) => connection.addEventListener("open", resolve));
    },
    { url, pingDelay, segment },
  );
  const driver = await Driver.connect(url);
  t.after(async () => {
    driver.close();
    await context.close();
    expectNoComplaints(complaints);
  });
  const client = {
    state: async () => JSON.parse(await page.evaluate(() => JSON.stringify(globalThis.connection.state))),
    notifications: async () => JSON.parse(await page.evaluate(() => JSON.stringify(globalThis.notifications))),
    send: (name, data) =>
      page.evaluate(({ name, data }) => globalThis.connection.send(name, data).then((done) => ({ done }), (error) => (error instanceof Error ? { lost: error.message } : { refused: error })), { name, data }),
  };
  return { client, driver, segments };
}

for (const segment of [1, 65_536]) {
  test(`the state is the same after 1,000 changes, in segments of ${segment}`, async (t) => {
    const { client, driver } = await connect(t, { segment });
    await expectConvergence(segment, { ...throughRequests(driver), mirror: client.state });
  });
}

test("a state that is there already arrives, and null does, too", async (t) => {
  const state = { deep: [[[{ "😀": null }]]], "": 0, text: "語".repeat(100_000) };
  const { client, driver } = await connect(t, { state });
  await until("the first state arrives", async () => digest(await client.state()) === digest(state));
  await driver.request("set", { path: "", value: null });
  await until("null arrives", async () => (await client.state()) === null);
});

for (const segment of [1, 65_536]) {
  test(`requests are answered and refused, in segments of ${segment}`, async (t) => {
    const { client } = await connect(t, { segment }, { segment });
    // With segments of 1 this peer cuts a character of two units in half, and its socket replaces the halves.
    const text = segment === 1 ? "aé語" : "a😀é\u{10ffff}";
    const data = { text, numbers: [0, -1, 1.5, 2 ** 53], nested: [{}, [], null, true] };
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

test("what this peer breaks stays the peer's fault: the connection lives", async (t) => {
  const { client } = await connect(t, {}, { segment: 1 });
  assert.deepEqual(await client.send("", "a😀b"), { done: "a\ufffd\ufffdb" });
});

test("messages of many segments pass in both directions", async (t) => {
  const { client } = await connect(t);
  // Of two and three bytes: characters of one unit, which this peer does not cut in half.
  for (const character of ["é", "語"]) {
    const data = character.repeat(200_000);
    const { done } = await client.send("", data);
    assert.ok(done === data, `200,000 times ${character}`);
  }
});

test("notifications arrive in order", async (t) => {
  const { client } = await connect(t);
  const items = Array.from({ length: 1_500 }, (_, index) => ({ index, text: "😀".repeat(index % 7) }));
  assert.deepEqual(await client.send("notify", { name: "news", items }), { done: null });
  await until("all are there", async () => (await client.notifications()).length === items.length);
  assert.deepEqual(await client.notifications(), items.map((data) => ({ name: "news", data })));
});

test("pings are answered on both sides", async (t) => {
  const often = 20;
  const asking = await connect(t, {}, { pingDelay: often });
  await until("the client's pings are answered", () => asking.segments.sent[2] >= 3 && asking.segments.received[3] >= 3);
  const asked = await connect(t, { pingDelay: often });
  await until("the server's pings are answered", () => asked.segments.received[2] >= 3 && asked.segments.sent[3] >= 3);
  for (const { client } of [asking, asked]) assert.deepEqual(await client.send("", 1), { done: 1 });
});

test("a request that waits is told that the connection is gone", async (t) => {
  const { client } = await connect(t, { parallel: true });
  const waiting = client.send("never", null);
  const closing = client.send("close", null);
  assert.deepEqual(await waiting, { lost: "connection not open" });
  await closing;
});
