// The client's own names, against a server at the test's command: listeners, readers, errors, the log.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startFixture } from "../interop/process.mjs";
import { launch, openContext } from "./chromium.mjs";
import { openSite } from "./site.mjs";
import { until } from "./until.mjs";

const STATE = { devices: { a7: { on: true, power: 64 }, b1: { on: false, power: 0 } }, count: 0 };

/** The first state, as a server sends it. */
const STATE_MESSAGE = `0${JSON.stringify({ type: "state", diff: [{ op: "replace", path: "", value: STATE }] })}`;

let browser;
let site;
let fixture;
let context;
before(async () => {
  [browser, site, fixture] = await Promise.all([launch(), openSite(), startFixture()]);
  context = await openContext(browser);
});
after(async () => {
  await browser.close();
  site.close();
  await fixture.kill();
});

/** Starts a server; returns its address. */
async function serve(plan = { state: STATE }) {
  const body = JSON.stringify({ origin: site.origin, ...plan });
  const answer = await fetch(`${fixture.address}/servers`, { method: "POST", body });
  assert.ok(answer.ok, `the fixture says ${answer.status}`);
  return (await answer.json()).url;
}

/** A page without anything in it; it is closed with the test. */
async function blank(t, within = context) {
  const page = await within.newPage();
  t.after(() => page.close());
  await page.goto(site.origin);
  return page;
}

/**
 * What `run` comes to in a page: it is given the package, `connect`, which is `new Juggler` to be closed at the end, and
 * `set`, which changes the state at a pointer.
 */
const attempt = (page, run, url) =>
  page.evaluate(`(async () => {
    const mirrorball = await import("mirrorball");
    const clients = [];
    const connect = (url, options) => {
      const client = new mirrorball.Juggler(url, options);
      clients.push(client);
      return client;
    };
    const opened = async (url, options) => {
      const client = connect(url, options);
      await client.ready;
      return client;
    };
    const set = (client, path, value) => client.request("set", { path, value });
    try {
      return await (${run})({ ...mirrorball, connect, opened, set, url: ${JSON.stringify(url)} });
    } finally {
      for (const client of clients) client.close();
    }
  })()`);

test("a selector's listener is told of another result, and of no equal one", async (t) => {
  const found = await attempt(
    await blank(t),
    async ({ opened, set, url }) => {
      const client = await opened(url);
      const log = [];
      const stopping = new AbortController();
      client.select((state) => state.devices.a7, (device) => log.push(["a7", device.power]));
      const on = (state) => Object.keys(state.devices).filter((id) => state.devices[id].on);
      client.select(on, (ids) => log.push(["fresh", ...ids]));
      client.select(on, (ids) => log.push(["equal", ...ids]), (one, two) => one.join() === two.join());
      client.select((state) => state.count, (count) => log.push(["aborted", count]), Object.is, { signal: stopping.signal });
      const stop = client.select((state) => state.count, (count) => log.push(["stopped", count]));
      await set(client, "/count", 1);
      stopping.abort();
      stop();
      await set(client, "/count", 2);
      await set(client, "/devices/b1/on", true);
      await set(client, "/devices/a7/power", 65);
      return log;
    },
    await serve(),
  );
  assert.deepEqual(found, [
    ["fresh", "a7"],
    ["aborted", 1],
    ["stopped", 1],
    ["fresh", "a7"],
    ["fresh", "a7", "b1"],
    ["equal", "a7", "b1"],
    ["a7", 65],
    ["fresh", "a7", "b1"],
  ]);
});

test("a listener per frame is told once of all that changed by then", async (t) => {
  const found = await attempt(
    await blank(t),
    async ({ opened, set, url }) => {
      const frames = [];
      globalThis.requestAnimationFrame = (frame) => frames.push(frame);
      const client = await opened(url);
      const log = [];
      const paint = () => {
        for (const frame of frames.splice(0)) frame();
        return log.splice(0);
      };
      const stopping = new AbortController();
      client.subscribe((state) => log.push(["whole", state.count]), { schedule: "frame" });
      client.subscribe("/count", (count) => log.push(["pointer", count]), { schedule: "frame", signal: stopping.signal });
      const stop = client.select((state) => state.count, (count) => log.push(["selector", count]), Object.is, { schedule: "frame" });
      client.subscribe("/count", (count) => log.push(["message", count]), { schedule: "message" });
      await set(client, "/count", 1);
      await set(client, "/count", 2);
      const messages = log.splice(0);
      const first = paint();
      const idle = paint();
      await set(client, "/count", 3);
      log.length = 0;
      stopping.abort();
      stop();
      const ended = paint();
      await set(client, "/count", 4);
      log.length = 0;
      client.close();
      const closed = paint();
      let refused;
      try {
        client.subscribe(() => undefined, { schedule: "frames" });
      } catch (error) {
        refused = error.message;
      }
      return { messages, first, idle, ended, closed, refused };
    },
    await serve(),
  );
  assert.deepEqual(found, {
    messages: [["message", 1], ["message", 2]],
    first: [["whole", 2], ["pointer", 2], ["selector", 2]],
    idle: [],
    ended: [["whole", 3]],
    closed: [],
    refused: 'the option "schedule" has to be "message" or "frame", not "frames"',
  });
});

test("notifications of a name are read in order, and wait until they are", async (t) => {
  const found = await attempt(
    await blank(t),
    async ({ opened, url }) => {
      const client = await opened(url);
      const notify = (name, ...items) => client.request("notify", { name, items });
      const alarms = client.notifications("alarm");
      await notify("alarm", 1, 2);
      await notify("other", "not this");
      await notify("alarm", { level: 3 });
      const read = [];
      for await (const alarm of alarms) {
        read.push(alarm);
        if (read.length === 3) break;
      }
      await notify("alarm", 4);
      const afterwards = await alarms.next();
      // Asked for before it comes.
      const later = client.notifications("alarm");
      const waiting = [later.next(), later.next()];
      await notify("alarm", 5, 6);
      return { read, afterwards, waiting: await Promise.all(waiting) };
    },
    await serve(),
  );
  assert.deepEqual(found, {
    read: [1, 2, { level: 3 }],
    afterwards: { value: undefined, done: true },
    waiting: [{ value: 5, done: false }, { value: 6, done: false }],
  });
});

test("reading notifications ends with its signal, with the client, and where too many wait", async (t) => {
  const found = await attempt(
    await blank(t),
    async ({ opened, url }) => {
      const read = async (reader, items = []) => {
        try {
          for await (const item of reader) items.push(item);
          return [...items, "end"];
        } catch (error) {
          return [...items, error.code];
        }
      };
      const client = await opened(url);
      const notify = (...items) => client.request("notify", { name: "alarm", items });
      const aborting = new AbortController();
      const aborted = read(client.notifications("alarm", { signal: aborting.signal }));
      const never = read(client.notifications("alarm", { signal: AbortSignal.abort() }));
      const slow = client.notifications("alarm", { maxWaiting: 2 });
      const closed = read(client.notifications("alarm"));
      await notify(1, 2, 3);
      aborting.abort();
      await notify(4);
      const slowly = await read(slow);
      client.close();
      let refused;
      try {
        client.notifications("alarm", { maxWaiting: 0 });
      } catch (error) {
        refused = error.code;
      }
      const lonely = await opened(url, { reconnect: false });
      const failing = read(lonely.notifications("alarm"));
      lonely.request("close", null).catch(() => undefined);
      const failed = await failing;
      const late = await read(lonely.notifications("alarm"));
      const closedBefore = await read(client.notifications("alarm"));
      return { aborted: await aborted, never: await never, slowly, closed: await closed, refused, failed, late, closedBefore };
    },
    await serve(),
  );
  assert.deepEqual(found, {
    aborted: [1, 2, 3, "end"],
    never: ["end"],
    slowly: [1, 2, "limit"],
    closed: [1, 2, 3, 4, "end"],
    refused: "invalid-argument",
    failed: ["connection-lost"],
    late: ["connection-lost"],
    closedBefore: ["end"],
  });
});

test("every kind of listener may throw, call back in and close", async (t) => {
  const kinds = ["status", "change", "notify", "whole", "pointer", "selector", "selecting"];
  const page = await blank(t);
  for (const kind of kinds) {
    const found = await attempt(
      page,
      `async ({ opened, set, url }) => {
        const kind = ${JSON.stringify(kind)};
        const reported = [];
        const report = (event) => {
          reported.push(event.error.message);
          event.preventDefault();
        };
        addEventListener("error", report);
        const client = await opened(url);
        const told = [];
        let inner;
        const thrower = () => {
          throw new Error("thrown by " + kind);
        };
        const caller = () => {
          inner ??= client.request("", "called back in");
          client.subscribe(() => undefined)();
          told.push(client.status.state);
        };
        const closer = () => client.close();
        const listen = (listener) => {
          let isFirst = true;
          if (["status", "change", "notify"].includes(kind)) return client.on(kind, listener);
          if (kind === "whole") return client.subscribe(listener);
          if (kind === "pointer") return client.subscribe("/count", listener);
          if (kind === "selector") return client.select(({ count }) => count, listener);
          return client.select(() => {
            // The first time it is asked at once, by its caller.
            if (!isFirst) listener();
            isFirst = false;
          }, () => undefined);
        };
        const stops = [listen(thrower), listen(caller)];
        await set(client, "/count", client.state.count + 1);
        await client.request("notify", { name: "alarm", items: [1] });
        const answer = await inner;
        const kept = client.status.state;
        for (const stop of stops) stop();
        const lost = client.request("never", null).catch(({ code }) => code);
        listen(closer);
        set(client, "/count", client.state.count + 1).catch(() => undefined);
        client.request("notify", { name: "alarm", items: [2] }).catch(() => undefined);
        const end = await lost;
        removeEventListener("error", report);
        return { answer, kept, end, told: told.length > 0, reported: [...new Set(reported)], closed: client.status.state };
      }`,
      await serve({ state: STATE, parallel: true }),
    );
    const reported = [`thrown by ${kind}`];
    assert.deepEqual(found, { answer: "called back in", kept: "connected", end: "closed", told: true, reported, closed: "closed" }, kind);
  }
});

test("a client is closed where its block ends, and whoever waits for it is told", async (t) => {
  const found = await attempt(
    await blank(t),
    async ({ connect, opened, url }) => {
      const client = await opened(url);
      await client[Symbol.asyncDispose]();
      const early = connect(url);
      await early[Symbol.asyncDispose]();
      const refused = await early.ready.catch(({ name, code }) => [name, code]);
      return { states: [client.status.state, early.status.state], refused };
    },
    await serve(),
  );
  assert.deepEqual(found, { states: ["closed", "closed"], refused: ["ClosedError", "closed"] });
});

test("the status tells of requests in flight, and one too many is refused", async (t) => {
  const found = await attempt(
    await blank(t),
    async ({ opened, url }) => {
      const client = await opened(url, { maxPending: 2 });
      const counts = [];
      client.on("status", ({ inFlight }) => counts.push(inFlight));
      const before = client.status;
      const aborting = new AbortController();
      const waiting = [1, 2].map(() => client.request("never", null, { signal: aborting.signal }).catch(({ code }) => code));
      const third = await client.request("", 3).catch(({ name, code }) => [name, code]);
      aborting.abort();
      const kept = { ...before };
      return { counts: [...counts], third, ends: await Promise.all(waiting), inFlight: [before.inFlight, client.status.inFlight], kept };
    },
    await serve(),
  );
  const kept = { state: "connected", retries: 0, nextRetryAt: null, everConnected: true, inFlight: 0, lastError: null };
  assert.deepEqual(found, {
    counts: [1, 2, 1, 0],
    third: ["LimitError", "limit"],
    ends: ["aborted", "aborted"],
    inFlight: [0, 0],
    kept,
  });
});

test("of several addresses the one that answers is used", async (t) => {
  const found = await attempt(
    await blank(t),
    async ({ opened, url }) => {
      const addresses = ["ws://127.0.0.1:9/ws", new URL(url.replace("ws://", "http://"))];
      const client = await opened(addresses, { minRetryDelay: 1, maxRetryDelay: 10 });
      return [client.state.count, client.addresses.length, client.status.state];
    },
    await serve(),
  );
  assert.deepEqual(found, [0, 2, "connected"]);
});

test("a server that closes with 3000 wants to know who this is", async (t) => {
  const url = await serve({ scripts: [[{ send: STATE_MESSAGE }, { expect: 1 }, { close: [3000, "who are you?"] }]] });
  const found = await attempt(
    await blank(t),
    async ({ opened, url }) => {
      const client = await opened(url, { reconnect: false });
      const ended = new Promise((resolve) => client.on("status", ({ state }) => state === "failed" && resolve()));
      client.request("", null).catch(() => undefined);
      await ended;
      const { lastError } = client.status;
      return [lastError.name, lastError.code, lastError.message];
    },
    url,
  );
  assert.deepEqual(found, ["UnauthorizedError", "unauthorized", "the connection was lost (close code 3000)"]);
});

test("each error has a code of its own, by which it is known", async (t) => {
  const found = await attempt(await blank(t), (mirrorball) => {
    const { MirrorballError } = mirrorball;
    const names = Object.keys(mirrorball).filter((name) => mirrorball[name]?.prototype instanceof MirrorballError);
    return Object.fromEntries(
      names.map((name) => {
        const error = new mirrorball[name]("words");
        return [name, [error instanceof mirrorball.MirrorballError, error.name, error.code]];
      }),
    );
  });
  const codes = {
    AbortError: "aborted",
    ClientError: "client",
    ClientInvalidOperation: "client-invalid-operation",
    ClosedError: "closed",
    ConnectionLostError: "connection-lost",
    InternalError: "internal",
    InvalidArgumentError: "invalid-argument",
    LimitError: "limit",
    ProtocolError: "protocol",
    RemoteError: "remote",
    ServerError: "server",
    TimeoutError: "timeout",
    TransportConnectionClosed: "transport-connection-closed",
    TransportError: "transport",
    TransportTimeoutError: "transport-timeout",
    UnauthorizedError: "unauthorized",
    WasmLoadError: "wasm-load",
  };
  for (const [name, code] of Object.entries(codes)) assert.deepEqual(found[name], [true, name, code]);
  const seen = Object.values(found).map(([, , code]) => code);
  assert.equal(new Set(seen).size, seen.length, "no two errors have the same code");
});

/** What a page has logged so far, and which modules it has loaded. */
function observe(page) {
  const lines = [];
  const loaded = [];
  page.on("console", (message) => lines.push(`${message.type()}: ${message.text()}`));
  page.on("request", (request) => loaded.push(new URL(request.url()).pathname));
  return { lines, loaded, has: (word) => lines.some((line) => line.includes(word)) };
}

/** Goes through all that is logged, with the options given. */
const exercise = (page, url, options) =>
  attempt(
    page,
    `async ({ connect, set, url }) => {
      const client = connect(url, ${JSON.stringify(options)});
      const early = client.request("", "early");
      await client.ready;
      await early;
      await set(client, "/devices/a7/power", 80);
      await client.request("notify", { name: "alarm", items: ["hot"] });
      await client.request("fail", { code: 7 }).catch(() => undefined);
      client.cut();
      await new Promise((resolve) => client.on("gap", resolve));
    }`,
    url,
  );

test("with debug on, the console shows status, changes, notifications and requests", async (t) => {
  const page = await blank(t);
  const { lines, has } = observe(page);
  const url = await serve();
  await exercise(page, url, { debug: true, minRetryDelay: 1 });
  await until("the console shows the end", () => has("closed"));
  assert.ok(lines.every((line) => line.startsWith(`debug: [mirrorball ${url}] `)), lines.join("\n"));
  const expected = [
    /\] connecting /,
    /\] request 1 {2}early/,
    /\] request 1 : answered after [\d.]+ ms early/,
    /\] connected /,
    /\] 1 operations in \d+ bytes \[Object\]/,
    /\] request 2 set /,
    /\] request 2 set: answered/,
    /\] notification alarm hot/,
    /\] request 4 fail: remote after [\d.]+ ms: the server refused/,
    /\] stale, attempt \d+ at .*: cut on request/,
    /\] notifications may be missing/,
  ];
  for (const pattern of expected) assert.ok(lines.some((line) => pattern.test(line)), `${pattern}:\n${lines.join("\n")}`);
});

test("the log shows what changed, up to a bound", async (t) => {
  const page = await blank(t);
  const changes = [];
  page.on("console", async (message) => {
    if (message.text().includes("operations")) changes.push(await message.args()[1].jsonValue());
  });
  await attempt(
    page,
    async ({ opened, set, url }) => {
      const client = await opened(url, { debug: true });
      await set(client, "/devices/a7", { on: true, power: 80, "a/b~": [1] });
      await set(client, "/devices", Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`d${index}`, index])));
    },
    await serve(),
  );
  const [, small, large] = await until("three changes are logged", () => changes.length > 2 && changes);
  assert.deepEqual(small, [
    { pointer: "/devices/a7/power", before: 64, after: 80 },
    { pointer: "/devices/a7/a~1b~0", before: undefined, after: [1] },
  ]);
  assert.equal(large.length, 20);
});

test("the log is switched on by localStorage, off by the option, and is not even loaded without", async (t) => {
  // What is stored is not for the other tests.
  const own = await openContext(browser);
  t.after(() => own.close());
  const page = await blank(t, own);
  const { lines, loaded, has } = observe(page);
  const url = await serve();
  await exercise(page, url, { minRetryDelay: 1 });
  await page.evaluate(() => localStorage.setItem("mirrorball", "debug"));
  await page.reload();
  await exercise(page, url, { debug: false, minRetryDelay: 1 });
  assert.deepEqual(lines, []);
  assert.deepEqual(loaded.filter((path) => path.includes("debug")), []);
  await exercise(page, url, { minRetryDelay: 1 });
  await until("the console shows the end", () => has("closed"));
});
