// Publish and subscribe as a page does it, over both ways to the real program.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { launch, openContext } from "./chromium.mjs";
import { Program, ROOT } from "./program.mjs";
import { until } from "./until.mjs";

const MIRRORBALL = process.env.MIRRORBALL_BIN ?? join(ROOT, "target/debug/mirrorball");

const startDemo = (address = "127.0.0.1:0") =>
  Program.start(MIRRORBALL, ["demo", "--www", "www", "--listen", address], /^open http:\/\/([^/]+)\//);

let browser;
let server;
let page;
before(async () => {
  browser = await launch();
  server = await startDemo();
  page = await openTab(server.address);
});
after(async () => {
  await browser.close();
  await server.kill();
});

/** A page without the dashboard, of the same site. */
async function openTab(address) {
  const context = await openContext(browser);
  const tab = await context.newPage();
  await tab.goto(`http://${address}/icon.svg`);
  return tab;
}

/**
 * Runs a function in a page: with the package, with `connect`, which opens a client that is closed in the end, and with
 * `next`, which waits for an event.
 */
const run = (code, parameter, tab = page) =>
  tab.evaluate(`(async () => {
    const mirrorball = await import("/mirrorball/index.js");
    const clients = [];
    const make = (options) => {
      const bus = new mirrorball.Bayeux("/cometd", options);
      clients.push(bus);
      return bus;
    };
    const connect = async (options) => {
      const bus = make(options);
      await bus.open();
      return bus;
    };
    const next = (bus, name, accepts = () => true) =>
      new Promise((resolve) => {
        const stop = bus.on(name, (event) => {
          if (!accepts(event)) return;
          stop();
          resolve(event);
        });
      });
    const fault = (error) => ({ name: error.name, code: error.code, own: error instanceof mirrorball.MirrorballError, errorCode: error.errorCode });
    try {
      return await (${code})({ ...mirrorball, make, connect, next, fault }, ${JSON.stringify(parameter)});
    } finally {
      await Promise.all(clients.map((bus) => bus.close()));
    }
  })()`);

for (const connectionTypes of ["websocket", "long-polling"]) {
  describe(`over ${connectionTypes}`, () => {
    test("a message goes to all who subscribed, whoever they are", async () => {
      const found = await run(
        async ({ connect }, connectionTypes) => {
          const [one, two] = [await connect({ connectionTypes }), await connect({ connectionTypes })];
          const heard = new Set();
          const all = new Promise((resolve) => {
            const hear = (who) => (message) => {
              if (message.channel === "/chat/room") heard.add(`${who}: ${message.data.text}`);
              if (heard.size === 3) resolve();
            };
            void one.subscribe("/chat/room", hear("exact"));
            void one.subscribe("/chat/*", hear("children"));
            void two.subscribe("/chat/**", hear("descendants"));
          });
          // A server carries out what a client asks for in order.
          await one.publish("/chat/first", 1);
          await two.publish("/chat/first", 2);
          const reply = await two.publish("/chat/room", { text: "é\u{1F600}" });
          await all;
          return { heard: [...heard].sort(), reply, type: one.connectionType, channels: [...one.subscriptions].sort() };
        },
        connectionTypes,
      );
      assert.equal(found.type, connectionTypes);
      assert.equal(found.reply.successful, true);
      assert.equal("data" in found.reply, false);
      assert.deepEqual(found.channels, ["/chat/*", "/chat/room"]);
      assert.deepEqual(found.heard, ["children: é\u{1F600}", "descendants: é\u{1F600}", "exact: é\u{1F600}"]);
    });

    test("what comes is looped over, listened to, or received", async () => {
      const found = await run(
        async ({ connect }, connectionTypes) => {
          const bus = await connect({ connectionTypes });
          const looped = [];
          const loop = (async () => {
            for await (const { data } of bus.subscribe("/chat/loop")) {
              looped.push(data);
              if (data === 3) break;
            }
          })();
          await bus.subscribe("/chat/inbox");
          bus.batch(() => {
            for (const data of [1, 2, 3]) void bus.publish("/chat/loop", data);
            void bus.publish("/chat/inbox", { text: "\u{1F600}" });
          });
          const received = await bus.receive();
          await loop;
          return { looped, received: received.data, left: bus.pendingCount, channels: [...bus.subscriptions] };
        },
        connectionTypes,
      );
      assert.deepEqual(found.looped, [1, 2, 3]);
      assert.deepEqual(found.received, { text: "\u{1F600}" });
      assert.equal(found.left, 0);
      // Leaving the loop ended its subscription.
      assert.deepEqual(found.channels, ["/chat/inbox"]);
    });

    test("nothing comes after the last subscription to a channel was ended", async () => {
      const found = await run(
        async ({ connect }, connectionTypes) => {
          const bus = await connect({ connectionTypes });
          const heard = [];
          const one = await bus.subscribe("/chat/a", ({ data }) => heard.push(["one", data]));
          const two = await bus.subscribe("/chat/a", ({ data }) => heard.push(["two", data]));
          const publish = async (data) => {
            const came = new Promise((resolve) => {
              void bus.subscribe("/chat/mark", resolve);
            });
            await bus.publish("/chat/a", data);
            await bus.publish("/chat/mark", null);
            await came;
          };
          await publish(1);
          await one.unsubscribe();
          await publish(2);
          await two.unsubscribe();
          await publish(3);
          return { heard, closed: [one.closed, two.closed], pending: bus.pendingCount };
        },
        connectionTypes,
      );
      assert.deepEqual(found.heard, [["one", 1], ["two", 1], ["two", 2]]);
      assert.deepEqual(found.closed, [true, true]);
      assert.equal(found.pending, 0);
    });

    test("what the server refuses, and what cannot be, is an error that says so", async () => {
      const found = await run(
        async ({ make, connect, fault }, connectionTypes) => {
          const bus = await connect({ connectionTypes });
          const failures = {};
          const fails = async (name, promise) => {
            failures[name] = await Promise.resolve(promise).then(() => "no error", fault);
          };
          await fails("refused", bus.publish("/elsewhere", 1));
          await fails("not subscribed", bus.subscribe("/elsewhere"));
          await fails("meta", bus.publish("/meta/x", 1));
          await fails("relative", bus.subscribe("chat"));
          await fails("open twice", bus.open());
          await fails("no JSON", bus.publish("/chat/x", () => 1));
          await fails("aborted", bus.publish("/chat/x", 1, { signal: AbortSignal.abort() }));
          await bus.close();
          await fails("closed", bus.publish("/chat/x", 1));
          await fails("nothing left", bus.receive());
          await fails("elsewhere", make({ connectionTypes, urls: { [connectionTypes]: "/nowhere" } }).open());
          return failures;
        },
        connectionTypes,
      );
      const names = Object.fromEntries(Object.entries(found).map(([what, { name }]) => [what, name]));
      assert.deepEqual(names, {
        refused: "ServerError",
        "not subscribed": "ServerError",
        meta: "InvalidArgumentError",
        relative: "InvalidArgumentError",
        "open twice": "ClientInvalidOperation",
        "no JSON": "InvalidArgumentError",
        aborted: "AbortError",
        closed: "ClientInvalidOperation",
        "nothing left": "ClientInvalidOperation",
        elsewhere: "TransportError",
      });
      assert.ok(Object.values(found).every(({ own }) => own));
      assert.equal(found.refused.errorCode, 403);
    });

    test("extensions see and change what is sent and what comes, in their order", async () => {
      const found = await run(
        async ({ connect }, connectionTypes) => {
          const calls = [];
          const extension = (name) => ({
            outgoing: async (payload) => {
              await Promise.resolve();
              for (const message of payload) {
                if (message.channel === "/chat/ext") calls.push(`${name} out`);
                if (message.channel === "/chat/ext" && name === "auth") message.data = "changed";
              }
            },
            incoming: (payload) => {
              for (const message of payload) if (message.data === "changed") calls.push(`${name} in`);
            },
          });
          const bus = await connect({
            connectionTypes,
            extensions: [extension("one"), extension("two")],
            auth: { ...extension("auth"), authenticate: () => undefined },
          });
          await bus.subscribe("/chat/ext");
          await bus.publish("/chat/ext", "as it was");
          const { data } = await bus.receive();
          return { calls, data };
        },
        connectionTypes,
      );
      assert.equal(found.data, "changed");
      assert.deepEqual(found.calls, ["one out", "two out", "auth out", "auth in", "one in", "two in"]);
    });

    test("a client that was closed may be opened again", async () => {
      const found = await run(
        async ({ connect }, connectionTypes) => {
          const bus = await connect({ connectionTypes });
          const [first, states] = [bus.clientId, [bus.closed]];
          await bus.close();
          states.push(bus.closed);
          await bus.open();
          states.push(bus.closed);
          await bus.subscribe("/chat/again");
          await bus.publish("/chat/again", 7);
          return { states, data: (await bus.receive()).data, isNew: bus.clientId !== first };
        },
        connectionTypes,
      );
      assert.deepEqual(found, { states: [false, true, false], data: 7, isNew: true });
    });
  });
}

test("two tabs talk", async () => {
  const other = await openTab(server.address);
  const answer = run(
    async ({ connect }) => {
      const bus = await connect();
      await bus.subscribe("/chat/tabs");
      for await (const { data } of bus) {
        if (data.from !== "one") continue;
        await bus.publish("/chat/tabs", { from: "two", text: `${data.text} yourself` });
        return data.text;
      }
    },
    undefined,
    other,
  );
  const heard = await run(async ({ connect }) => {
    const bus = await connect();
    const loop = bus.subscribe("/chat/tabs")[Symbol.asyncIterator]();
    const said = (async () => {
      for (;;) {
        const { value } = await loop.next();
        if (value.data.from === "two") return value.data.text;
      }
    })();
    let isOver = false;
    void said.then(() => {
      isOver = true;
    });
    // The other may not be there yet.
    while (!isOver) {
      await bus.publish("/chat/tabs", { from: "one", text: "hello" });
      await Promise.race([said, new Promise((resolve) => setTimeout(resolve, 100))]);
    }
    return said;
  });
  assert.equal(heard, "hello yourself");
  assert.equal(await answer, "hello");
  await other.context().close();
});

test("where a proxy refuses WebSockets, messages come by long-polling", async () => {
  const proxy = await startProxy();
  const tab = await openTab(proxy.address);
  try {
    const found = await run(
      async ({ connect }) => {
        const bus = await connect();
        await bus.subscribe("/chat/proxy");
        await bus.publish("/chat/proxy", 5);
        return { type: bus.connectionType, data: (await bus.receive()).data };
      },
      undefined,
      tab,
    );
    assert.deepEqual(found, { type: "long-polling", data: 5 });
  } finally {
    await tab.context().close();
    proxy.close();
  }
});

test("a server that is killed and comes back is found, and told of", async () => {
  let mortal = await startDemo();
  const { address } = mortal;
  const tab = await openTab(address);
  try {
    await tab.evaluate(async () => {
      const { Bayeux } = await import("/mirrorball/index.js");
      const bus = new Bayeux("/cometd", { maxRetryDelay: 500, connectionTimeout: 200 });
      const told = [];
      bus.on("status", ({ state }) => {
        if (told.at(-1) !== state) told.push(state);
      });
      bus.on("gap", ({ reason }) => told.push(reason));
      bus.on("resubscribed", ({ channel }) => told.push(channel));
      await bus.open();
      await bus.subscribe("/chat/life");
      Object.assign(globalThis, { bus, told });
    });
    await mortal.kill();
    await tab.waitForFunction(() => globalThis.told.includes("stale"), undefined, { timeout: 30_000 });
    const waited = await tab.evaluate(() => globalThis.bus.receive().then(String, ({ name }) => name));
    assert.equal(waited, "TransportTimeoutError", "whoever waits for a message hears of the loss");
    mortal = await startDemo(address);
    await tab.waitForFunction(() => globalThis.told.includes("session-lost"), undefined, { timeout: 30_000 });
    const found = await tab.evaluate(async () => {
      const { bus, told } = globalThis;
      await bus.publish("/chat/life", "again");
      const { data } = await bus.receive();
      await bus.close();
      return { data, told };
    });
    assert.equal(found.data, "again");
    assert.deepEqual(
      found.told.filter((it) => it !== "connecting"),
      ["connected", "stale", "/chat/life", "session-lost", "connected", "closed"],
    );
  } finally {
    await tab.context().close();
    await mortal.kill();
  }
});

test("a client that is closed while it is loaded does not open", async () => {
  const found = await run(async ({ make, fault }) => {
    const bus = make();
    const opening = bus.open().then(() => "open", fault);
    await bus.close();
    return { opening: await opening, closed: bus.closed };
  });
  assert.equal(found.opening.name, "ClosedError");
  assert.equal(found.closed, true);
});

test("a page that is left says goodbye", async () => {
  const proxy = await startProxy();
  const tab = await openTab(proxy.address);
  try {
    await tab.evaluate(async () => {
      const { Bayeux } = await import("/mirrorball/index.js");
      const bus = new Bayeux("/cometd", { connectionTypes: "long-polling" });
      await bus.open();
      globalThis.bus = bus;
    });
    assert.ok(!proxy.asked.includes("/cometd/disconnect"));
    await tab.goto("about:blank");
    await until("it said goodbye", () => proxy.asked.includes("/cometd/disconnect"));
  } finally {
    await tab.context().close();
    proxy.close();
  }
});

/** A proxy that answers upgrades as if they were nothing of the kind. */
async function startProxy() {
  const [host, port] = server.address.split(":");
  const asked = [];
  const proxy = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    asked.push(url);
    const ahead = request({ host, port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    ahead.on("error", () => outgoing.destroy());
    outgoing.on("close", () => ahead.destroy());
    incoming.pipe(ahead);
  });
  proxy.on("upgrade", (_, socket) => socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"));
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const close = () => {
    proxy.closeAllConnections();
    proxy.close();
  };
  return { address: `127.0.0.1:${proxy.address().port}`, asked, close };
}
