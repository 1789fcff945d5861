// Connections that break, servers that stand still or end, sessions that expire.

import assert from "node:assert/strict";
import { test } from "node:test";

import { until } from "../browser/until.mjs";
import { tell } from "./driver.mjs";
import { eachPair } from "./matrix.mjs";
import { openTap } from "./tap.mjs";

/** A server's, in milliseconds. */
const SOON = { timeout: 500, maxInterval: 500 };
/** For a client that has to find out by itself; enough to open one on a busy machine. */
const IMPATIENT = { patience: 3_000 };

/** Publishes until the peer hears it: nobody tells when it has subscribed again. */
async function reach(running, peer) {
  await until("it is heard", async () => {
    await tell(running.address, ["/room/a", { again: true }]);
    return (await peer.messages()).some(([, { again }]) => again);
  });
}

eachPair(({ start, connect, startAndConnect }) => {
  test("a server that stands still is waited for", async (t) => {
    const { running, peer } = await startAndConnect(t);
    await peer.done("subscribe", { channel: "/room/a" });
    // It does not end by that.
    void running.kill("SIGSTOP");
    const waiting = peer.done("publish", { channel: "/room/a", data: { n: 1 } });
    // It may stand still only now.
    await peer.status();
    void running.kill("SIGCONT");
    await waiting;
    await until("it is heard", async () => (await peer.messages()).length > 0);
    assert.deepEqual(await peer.messages(), [["/room/a", { n: 1 }]]);
    assert.equal((await peer.status()).sessions, 1);
  });

  test("a server that stands still for long is left, and found again when it moves", async (t) => {
    const { running, peer } = await startAndConnect(t, { timeout: 500 }, IMPATIENT);
    await peer.done("subscribe", { channel: "/room/a" });
    await until("it is connected", async () => (await peer.status()).isConnected);
    void running.kill("SIGSTOP");
    await until("the silence is heard", async () => !(await peer.status()).isConnected);
    void running.kill("SIGCONT");
    await until("it is connected again", async () => (await peer.status()).isConnected);
    await reach(running, peer);
  });

  test("a client comes back to a server that was killed, and subscribes again", async (t) => {
    const { running, peer } = await startAndConnect(t);
    for (const channel of ["/room/a", "/room/*"]) await peer.done("subscribe", { channel });
    await until("it is connected", async () => (await peer.status()).isConnected);
    await running.kill("SIGKILL");
    await until("the loss is known", async () => !(await peer.status()).isConnected);
    const again = await start(t, { port: running.port });
    await until("it has a new session", async () => (await peer.status()).sessions === 2);
    await reach(again, peer);
    assert.equal(await again.sessions(), 1);
  });

  test("a client whose session has expired gets another, and subscribes again", async (t) => {
    const running = await start(t, SOON);
    const tap = await openTap(t, running);
    const peer = await connect(t, tap.address);
    await peer.done("subscribe", { channel: "/room/*" });
    tap.hush();
    tap.cut();
    await until("the session has expired", async () => (await running.sessions()) === 0);
    tap.mend();
    await until("it has a new session", async () => (await peer.status()).sessions === 2);
    await reach(running, peer);
  });
});

eachPair(
  ({ start, connect }) => {
    test("what is published while the connection is broken comes when it is not", async (t) => {
      const running = await start(t);
      const tap = await openTap(t, running);
      const peer = await connect(t, tap.address);
      await peer.done("subscribe", { channel: "/room/*" });
      await until("it is connected", async () => (await peer.status()).isConnected);
      const messages = Array.from({ length: 50 }, (_, n) => ["/room/a", { n }]);
      for (const part of [messages.slice(0, 25), messages.slice(25)]) {
        tap.cut();
        await tell(running.address, ...part);
        tap.mend();
        await until("they are heard", async () => (await peer.messages()).length >= messages.indexOf(part.at(-1)) + 1);
      }
      assert.equal((await peer.messages()).map(([, { n }]) => n).join(), messages.map((_, n) => n).join());
      assert.equal((await peer.status()).sessions, 1);
    });
  },
  ({ server }) => server.differences.keeps,
);
