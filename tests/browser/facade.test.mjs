// The package as a page uses it: names, promises and errors, against the real program.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, openContext } from "./chromium.mjs";
import { Program, ROOT } from "./program.mjs";

const MIRRORBALL = process.env.MIRRORBALL_BIN ?? join(ROOT, "target/debug/mirrorball");

let browser;
let server;
/** Another one, whose pages those of the first may be. */
let other;
let page;
before(async () => {
  browser = await launch();
  server = await Program.start(
    MIRRORBALL,
    ["demo", "--www", "www", "--listen", "127.0.0.1:0", "--period", "100"],
    /^open http:\/\/([^/]+)\//,
  );
  other = await Program.start(
    MIRRORBALL,
    ["serve", "--state", "tests/package.json", "--listen", "127.0.0.1:0", "--origin", `http://${server.address}`],
    /^open http:\/\/([^/]+)\//,
  );
  const context = await openContext(browser);
  page = await context.newPage();
  // A page without the dashboard, of the same site.
  await page.goto(`http://${server.address}/icon.svg`);
});
after(async () => {
  await browser.close();
  await server.kill();
  await other.kill();
});

/** What an attempt in the page came to: its value, or its error's name, code and words. */
const attempt = (run) =>
  page.evaluate(`(async () => {
    const mirrorball = await import("/mirrorball/index.js");
    const { Juggler } = mirrorball;
    const clients = [];
    const connect = (...parameters) => {
      const client = new Juggler(...parameters);
      clients.push(client);
      return client;
    };
    try {
      return { value: await (${run})({ ...mirrorball, connect }) };
    } catch (error) {
      const own = error instanceof mirrorball.MirrorballError;
      return { error: error.name, own, code: error.code, message: error.message, data: error.data, sent: error.sent };
    } finally {
      for (const client of clients) client.close();
    }
  })()`);

const fails = async (run, expected) => {
  const { own, ...found } = await attempt(run);
  assert.equal(own, true, JSON.stringify(found));
  for (const [name, value] of Object.entries(expected)) {
    if (value instanceof RegExp) assert.match(found[name], value);
    else assert.deepEqual(found[name], value, JSON.stringify(found));
  }
};

test("an address that is none, or an option that is unknown or no number, is refused at once", async () => {
  const invalid = { error: "InvalidArgumentError", code: "invalid-argument" };
  await fails(({ connect }) => connect([]), invalid);
  await fails(({ connect }) => connect("ftp://127.0.0.1/ws"), { ...invalid, message: /neither ws/ });
  await fails(({ connect }) => connect("http://["), invalid);
  await fails(({ connect }) => connect("/ws", { pingdelay: 1 }), { ...invalid, message: /"pingdelay"/ });
  await fails(({ connect }) => connect("/ws", { pingDelay: "1" }), { ...invalid, message: /"pingDelay"/ });
  await fails(({ connect }) => connect("/ws", { pingDelay: -1 }), invalid);
  await fails(({ connect }) => connect("/ws", { pingDelay: NaN }), invalid);
  await fails(({ connect }) => connect("/ws", { reconnect: 1 }), { ...invalid, message: /true or false/ });
  await fails(({ connect }) => connect("/ws").setAddresses([]), invalid);
});

test("the address is the page's own host, where nothing else is said", async () => {
  const { value } = await attempt(async ({ connect }) => {
    const host = connect();
    await host.ready;
    return [host.addresses, host.state.host !== undefined];
  });
  assert.deepEqual(value, [[`ws://${server.address}/ws`], true]);
});

test("addresses can be others later, and a connection that stands is kept until it is left", async () => {
  const { value } = await attempt(`async ({ connect }) => {
    const client = connect();
    client.setAddresses("ws://${other.address}/ws");
    client.setAddresses("/ws");
    await client.ready;
    const until = (holds) => new Promise((resolve) => {
      const look = () => holds() && resolve();
      client.on("status", look);
      client.subscribe(look);
      look();
    });
    client.setAddresses(["ws://${other.address}/ws", "/ws"]);
    const echo = await client.request("", 1);
    const seen = [client.state.name];
    const waiting = client.request("", 2).catch(({ code }) => code);
    client.reconnect();
    seen.push(await waiting);
    await until(() => client.status.state === "connected" && client.state.name !== undefined);
    seen.push(client.state.name);
    client.reconnect();
    await until(() => client.status.state === "connected" && client.state.host !== undefined);
    return { echo, seen };
  }`);
  assert.deepEqual(value, { echo: 1, seen: [undefined, "connection-lost", "mirrorball-tests"] });
});

test("a client that is not to reconnect fails where its connection is lost, and keeps its state", async () => {
  const lonely = page.evaluate(async (url) => {
    const { Juggler } = await import("/mirrorball/index.js");
    const client = new Juggler(url, { reconnect: false });
    await client.ready;
    const failed = new Promise((resolve) => client.on("status", ({ state }) => state === "failed" && resolve()));
    globalThis.isLonelyReady = true;
    await failed;
    const refused = await client.request("", 1).catch(({ code }) => code);
    return { kept: client.state.name, refused };
  }, `ws://${other.address}/ws`);
  await page.waitForFunction(() => globalThis.isLonelyReady);
  await other.kill();
  assert.deepEqual(await lonely, { kept: "mirrorball-tests", refused: "closed" });
});

test("the state is there when the client is ready, the same object until it changes", async () => {
  const { value } = await attempt(async ({ connect }) => {
    const host = connect("/ws");
    const before = [host.state, host.status.state];
    await host.ready;
    const state = host.state;
    const same = state === host.state;
    const next = await new Promise((resolve) => host.subscribe(resolve));
    return { before, after: host.status.state, same, moved: next !== state, kept: next.host === state.host };
  });
  assert.deepEqual(value, { before: [null, "connecting"], after: "connected", same: true, moved: true, kept: true });
});

test("a pointer's listener is told of changes there, and of no others", async () => {
  const { value } = await attempt(async ({ connect }) => {
    const host = connect("/ws");
    await host.ready;
    const names = [];
    const counts = [];
    host.subscribe("/host/name", (name) => names.push(name));
    host.subscribe("/nowhere/at~1all", (value) => names.push(value));
    await new Promise((resolve) => {
      host.subscribe("/sample/count", (count) => {
        counts.push(count);
        if (counts.length === 3) resolve();
      });
    });
    return { names, rises: counts[0] < counts[1] && counts[1] < counts[2] };
  });
  assert.deepEqual(value, { names: [], rises: true });
  await fails(({ connect }) => connect("/ws").subscribe("host", () => undefined), { code: "invalid-argument" });
});

test("a request waits for the first connection, and its answer comes as a value", async () => {
  const { value } = await attempt(({ connect }) => connect("/ws").request("set-period", { milliseconds: 100 }));
  assert.deepEqual(value, { milliseconds: 100 });
});

test("a request fails with what happened to it", async () => {
  await fails(({ connect }) => connect("/ws").request("fail"), {
    error: "RemoteError",
    code: "remote",
    data: { code: "demo-failure", message: "this request always fails, to show what that is like" },
  });
  await fails(({ connect }) => connect("/ws").request("", () => 0), { code: "invalid-argument", message: /function/ });
  await fails(({ connect }) => connect("/ws").request("", 1n), { code: "invalid-argument" });
  await fails(({ connect }) => connect("/ws").request("", 0, { signal: AbortSignal.abort() }), { code: "aborted" });
  await fails(({ connect }) => connect("ws://127.0.0.1:9/ws").request("", 0, { timeout: 20 }), { code: "timeout" });
  await fails(
    ({ connect }) => {
      const aborting = new AbortController();
      const waiting = connect("ws://127.0.0.1:9/ws").request("", 0, { signal: aborting.signal });
      setTimeout(() => aborting.abort("enough"), 20);
      return waiting;
    },
    { code: "aborted" },
  );
  await fails(
    async ({ connect }) => {
      const host = connect("/ws");
      await host.ready;
      host.cut();
      await host.request("", 0);
    },
    { error: "ConnectionLostError", code: "connection-lost", sent: false },
  );
  await fails(
    async ({ connect }) => {
      const host = connect("/ws");
      await host.ready;
      const waiting = host.request("", 0);
      host.cut();
      await waiting;
    },
    { code: "connection-lost" },
  );
  await fails(
    async ({ connect }) => {
      const host = connect("/ws");
      await host.ready;
      host.close();
      await host.request("", 0);
    },
    { error: "ClosedError", code: "closed" },
  );
});

test("a closed client keeps what it had, and one that was aborted never begins", async () => {
  const { value } = await attempt(async ({ connect }) => {
    const host = connect("/ws");
    await host.ready;
    const state = host.state;
    host.close();
    host.close();
    const never = connect("/ws", { signal: AbortSignal.abort() });
    const refused = await never.ready.catch((error) => error.code);
    return {
      kept: host.state === state,
      states: [host.status.state, never.status.state],
      refused,
      counted: host.metrics.diffs > 0,
    };
  });
  assert.deepEqual(value, { kept: true, states: ["closed", "closed"], refused: "closed", counted: true });
});

test("listeners may throw, call back in and close", async () => {
  const { value } = await attempt(async ({ connect }) => {
    const reported = [];
    addEventListener("error", (event) => {
      reported.push(event.error.message);
      event.preventDefault();
    });
    const host = connect("/ws");
    const log = [];
    host.on("status", ({ state }) => {
      log.push(state);
      throw new Error(`thrown on ${state}`);
    });
    const answer = new Promise((resolve) => {
      const stop = host.subscribe(() => {
        stop();
        resolve(host.request("", "from a listener"));
      });
    });
    const echoed = await answer;
    await new Promise((resolve) => {
      host.subscribe(() => {
        host.close();
        resolve();
      });
    });
    return { echoed, log, reported };
  });
  assert.equal(value.echoed, "from a listener");
  assert.equal(value.log.at(-1), "closed");
  assert.ok(value.log.includes("connected"));
  assert.deepEqual(value.reported, value.log.map((state) => `thrown on ${state}`));
});

test("a fault of the package's own is told and got over", async () => {
  const { value } = await attempt(async ({ connect }) => {
    const [one, two] = [connect("/ws"), connect("/ws")];
    await Promise.all([one.ready, two.ready]);
    const held = one.state;
    const events = [];
    one.on("error", (error) => events.push(`${error.name} (${error.code}): ${error.cause.message}`));
    one.on("gap", ({ reason }) => events.push(`gap: ${reason}`));
    const states = [];
    one.on("status", ({ state }) => states.push(state));
    const lost = one.request("set-period", { milliseconds: 100 }).then(
      () => "answered",
      (error) => `${error.code}, sent: ${error.sent}`,
    );
    await new Promise((resolve) => one.on("status", ({ inFlight }) => inFlight === 1 && resolve()));
    // An exception in the middle of the module, such as one that it throws itself where it finds a fault.
    const now = performance.now;
    performance.now = () => {
      throw new Error("out of order");
    };
    one.cut();
    performance.now = now;
    const kept = one.state === held;
    const again = (client) =>
      new Promise((resolve) => {
        if (client.status.state === "connected") resolve();
        client.on("status", ({ state }) => state === "connected" && resolve());
      });
    await Promise.all([again(one), again(two)]);
    await new Promise((resolve) => one.subscribe(resolve));
    const answer = await two.request("set-period", { milliseconds: 100 });
    return { events, states: states.filter((state, index) => state !== states[index - 1]), lost: await lost, kept, same: one.state === held, answer };
  });
  assert.deepEqual(value.events, ["InternalError (internal): out of order", "gap: reconnected"]);
  assert.deepEqual(value.states, ["connected", "stale", "connected"]);
  assert.equal(value.lost, "connection-lost, sent: true");
  assert.equal(value.kept, true, "the state is kept while the client begins again");
  assert.equal(value.same, false, "the state goes on");
  assert.notEqual(value.answer, undefined);
});

test("a client whose module fails again and again is given up on", async () => {
  const { value } = await attempt(async ({ connect }) => {
    const client = connect("/ws");
    let faults = 0;
    client.on("error", () => (faults += 1));
    const now = performance.now;
    while (client.status.state !== "failed") {
      await new Promise((resolve) => {
        if (client.status.state === "connected") resolve();
        client.on("status", ({ state }) => ["connected", "failed"].includes(state) && resolve());
      });
      performance.now = () => {
        throw new Error("out of order");
      };
      client.cut();
      performance.now = now;
    }
    return { faults, error: client.status.lastError.code };
  });
  assert.deepEqual(value, { faults: 4, error: "internal" });
});

test("a request with a key gets its answer though the connection is lost", async () => {
  const { value } = await attempt(async ({ connect }) => {
    const client = connect("/ws", { minRetryDelay: 1, maxRetryDelay: 20 });
    await client.ready;
    const errors = [];
    for (let round = 0; round < 20; round += 1) {
      const data = { milliseconds: 100 };
      const keyed = client.request("set-period", data, { key: crypto.randomUUID() });
      const plain = client.request("set-period", data).catch((error) => errors.push(error.code));
      await new Promise((resolve) => client.on("status", ({ inFlight }) => inFlight === 2 && resolve()));
      client.cut();
      await Promise.all([keyed, plain]);
      await new Promise((resolve) => {
        if (client.status.state === "connected") resolve();
        client.on("status", ({ state }) => state === "connected" && resolve());
      });
    }
    return { errors: new Set(errors).size, some: errors.length > 0, first: errors[0] };
  });
  assert.deepEqual(value, { errors: 1, some: true, first: "connection-lost" });
});
