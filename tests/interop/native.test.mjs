// Our native client with hat-juggler's server (Python). With ours: `tests/tests/client`.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { until } from "../browser/until.mjs";
import { digest } from "./canonical.mjs";
import { startHatServer } from "./hat.mjs";
import { NativeClient, makeIdentity, openTap } from "./native.mjs";

/** A server of hat-juggler for one test. */
async function startHat(t, options = {}) {
  const server = await startHatServer({ autoflush_delay: 0, ...options });
  t.after(() => server.kill());
  return server;
}

for (const segment of [1, 65_536]) {
  test(`requests are answered and refused, in segments of ${segment}`, async (t) => {
    const { address } = await startHat(t, { max_segment_size: segment, data: 0 });
    const client = await NativeClient.connect(t, address, { segment });
    const data = { text: "a😀é\u{10ffff}", numbers: [0, -1, 1.5, 2 ** 53], nested: [{}, [], null, true] };
    assert.deepEqual(await client.send("", data), { done: data }, "echo");
    assert.deepEqual(await client.send("set", data), { done: null });
    await until("what the request changed arrives", async () => digest(await client.state()) === digest(data));
    assert.deepEqual(JSON.parse((await client.send("snapshot", null)).done), data);
    assert.deepEqual(await client.send("fail", "in words 😀"), { refused: "in words 😀" });
    assert.deepEqual(await client.send("no-such", null), { refused: "unknown request no-such" });
    assert.deepEqual(await client.send("", "still there"), { done: "still there" });
  });
}

test("messages of many segments pass in both directions", async (t) => {
  const { address } = await startHat(t, { data: 0 });
  const client = await NativeClient.connect(t, address);
  for (const character of ["é", "語", "😀"]) {
    const data = character.repeat(200_000);
    const { done } = await client.send("", data);
    assert.ok(done === data, `200,000 times ${character}`);
  }
});

test("many requests are in progress at once, and one ends without an answer", async (t) => {
  const { address } = await startHat(t, { parallel_requests: true, data: 0 });
  const client = await NativeClient.connect(t, address);
  const never = client.send("never", null, 100);
  const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => client.send("", index)));
  assert.deepEqual(answers, answers.map((_, index) => ({ done: index })));
  assert.deepEqual(await never, { failed: "Timeout" });
});

test("notifications arrive in order", async (t) => {
  const { address } = await startHat(t, { data: 0 });
  const client = await NativeClient.connect(t, address);
  const items = Array.from({ length: 1_500 }, (_, index) => ({ index, text: "😀".repeat(index % 7) }));
  assert.deepEqual(await client.send("notify", { name: "news", items }), { done: null });
  await until("all are there", async () => (await client.notifications()).length === items.length);
  assert.deepEqual(await client.notifications(), items.map((item) => ["news", item]));
});

test("pings are answered on both sides", async (t) => {
  const often = 0.02;
  const asking = await openTap(t, (await startHat(t, { data: 0 })).address);
  const asked = await openTap(t, (await startHat(t, { data: 0, ping_delay: often })).address);
  const clients = [await NativeClient.connect(t, asking.address, { pingDelay: often * 1_000 }), await NativeClient.connect(t, asked.address)];
  await until("the client's pings are answered", () => asking.segments.sent[2] >= 3 && asking.segments.received[3] >= 3);
  await until("the server's pings are answered", () => asked.segments.received[2] >= 3 && asked.segments.sent[3] >= 3);
  for (const client of clients) assert.deepEqual(await client.send("", 1), { done: 1 });
});

test("a server that stands still is left, and found again when it moves", async (t) => {
  const server = await startHat(t, { data: { kept: 1 } });
  const client = await NativeClient.connect(t, server.address, { pingDelay: 100, pingTimeout: 300 });
  // It does not end by that.
  void server.kill("SIGSTOP");
  await until("the silence is heard", async () => (await client.status()).error === "the server went silent");
  assert.equal((await client.status()).state, "stale");
  assert.deepEqual(await client.state(), { kept: 1 }, "the last state is kept");
  assert.deepEqual(await client.send("", 1), { failed: "NotConnected" });
  void server.kill("SIGCONT");
  await until("it is connected again", async () => (await client.status()).state === "connected");
  assert.deepEqual(await client.notifications(), ["Reconnected"]);
});

test("the client comes back to a server that was killed, and its state is the new one", async (t) => {
  const server = await startHat(t, { data: { old: 1, kept: [1, 2] } });
  const tap = await openTap(t, server.address);
  const client = await NativeClient.connect(t, tap.address);
  const waiting = client.send("never", null);
  await until("the request is on its way", () => tap.segments.sent[0] === 1);
  await server.kill();
  assert.deepEqual(await waiting, { failed: "ConnectionLost" });
  await until("the client is stale", async () => (await client.status()).state === "stale");
  assert.deepEqual(await client.state(), { old: 1, kept: [1, 2] });
  await startHat(t, { port: Number(new URL(server.address).port), data: { new: "😀" } });
  await until("the new state is there", async () => digest(await client.state()) === digest({ new: "😀" }));
});

test("without automatic flushing, changes come when they are flushed", async (t) => {
  const { address } = await startHat(t, { autoflush_delay: null, data: { begun: true } });
  // Nothing is sent before: what begins is not known, and taken to be null.
  const client = await NativeClient.connect(t, address);
  assert.equal(await client.state(), null);
  await client.send("set", { changed: 1 });
  assert.deepEqual(await client.send("", "an answer later"), { done: "an answer later" });
  assert.equal(await client.state(), null);
  assert.deepEqual(await client.send("flush", null), { done: null });
  await until("the change is there", async () => digest(await client.state()) === digest({ changed: 1 }));
});

test("a state is shared by all connections, or each has its own", async (t) => {
  for (const own of [false, true]) {
    const { address } = await startHat(t, { own, data: { begun: 1 } });
    const [one, two] = [await NativeClient.connect(t, address), await NativeClient.connect(t, address)];
    for (const client of [one, two]) await until("it begins", async () => digest(await client.state()) === digest({ begun: 1 }));
    await one.send("set", { changed: "by one" });
    await until("the change is there", async () => digest(await one.state()) === digest({ changed: "by one" }));
    if (!own) await until("for both", async () => digest(await two.state()) === digest({ changed: "by one" }));
    // What comes behind an answer would have come before it.
    assert.deepEqual(await two.send("", 1), { done: 1 });
    assert.deepEqual(await two.state(), own ? { begun: 1 } : { changed: "by one" });
  }
});

test("a user and a password are asked for", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "mirrorball-"));
  t.after(() => rm(folder, { recursive: true }));
  const htpasswd_file = join(folder, "htpasswd");
  // The password is `p@ss:word`.
  await writeFile(htpasswd_file, "ann:$apr1$abcdefgh$3vV72pWBK7yA0GpedWUOl/\n");
  const { address } = await startHat(t, { htpasswd_file, data: "secret" });
  const ann = { user: "ann", password: "p@ss:word" };
  const client = await NativeClient.connect(t, address, ann);
  assert.equal(await client.state(), "secret");
  const named = await NativeClient.connect(t, address.replace("ws://", "ws://ann:p%40ss%3Aword@"));
  assert.equal(await named.state(), "secret");
  for (const wrong of [{}, { ...ann, password: "word" }, { ...ann, user: "bob" }]) {
    await assert.rejects(NativeClient.connect(t, address, wrong), /valid user and password \(HTTP 401\)/);
  }
});

test("TLS is spoken, with servers that are trusted", async (t) => {
  const { files, text } = await makeIdentity(t);
  const { address } = await startHat(t, { identity: files, data: "encrypted" });
  const client = await NativeClient.connect(t, address, { ca: text });
  assert.equal(await client.state(), "encrypted");
  assert.deepEqual(await client.send("", "😀"), { done: "😀" });
  const { text: other } = await makeIdentity(t);
  await assert.rejects(NativeClient.connect(t, address, { ca: other }), /no TLS connection/);
});
