// The package in React, Vue, Svelte and Solid, each as an app would use it: in Chromium against a real server, and where
// pages are rendered without a browser.

/* What the pages of these tests have: */
/* global app, client, end, listening:writable, root, show */

import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { expectNoComplaints, launch, openContext, openPage } from "../browser/chromium.mjs";
import { openSite } from "../browser/site.mjs";
import { until } from "../browser/until.mjs";
import { startFixture } from "../interop/process.mjs";
import { bundlePage, importServer } from "./bundle.mjs";

const FRAMEWORKS = ["react", "vue", "svelte", "solid"];
const STATE = { count: 1, devices: { a7: { on: true }, b1: { on: false } } };
const ROWS = 1_000;
/** What a component shows that has no client. */
const NOTHING = { status: "none", whole: "null", count: "undefined", on: "" };

let browser;
let site;
let fixture;
let context;
/** A page that changes states. */
let control;
before(async () => {
  const pages = FRAMEWORKS.map(async (name) => [`/mirrorball/page-of-${name}.js`, await bundlePage(`${name}/page.mjs`)]);
  [browser, fixture] = await Promise.all([launch(), startFixture()]);
  site = await openSite(Object.fromEntries(await Promise.all(pages)));
  context = await openContext(browser);
  ({ page: control } = await openPage(context, site.origin));
});
after(async () => {
  await browser.close();
  site.close();
  await fixture.kill();
});

/** Starts a server; returns its address. */
async function serve(state = STATE) {
  const plan = { origin: site.origin, state };
  const answer = await fetch(`${fixture.address}/servers`, { method: "POST", body: JSON.stringify(plan) });
  assert.ok(answer.ok, `the fixture says ${answer.status}`);
  return (await answer.json()).url;
}

/** Changes the state of a server. */
const set = (url, path, value) =>
  control.evaluate(
    async ([url, path, value]) => {
      const { Juggler } = await import("mirrorball");
      const client = new Juggler(url);
      await client.request("set", { path, value });
      client.close();
    },
    [url, path, value],
  );

/** A page with the components of a framework, the connections that it opened, and what it complained of. */
async function open(t, name) {
  const { page, complaints } = await openPage(context, site.origin);
  t.after(() => page.close());
  const sockets = [];
  page.on("websocket", (socket) => sockets.push(socket));
  await page.evaluate(async (name) => {
    globalThis.app = await import(`/mirrorball/page-of-${name}.js`);
    document.body.innerHTML = "<div id=root></div>";
    globalThis.root = document.getElementById("root");
  }, name);
  const connections = () => sockets.filter((socket) => !socket.isClosed()).length;
  return { page, complaints, sockets, connections };
}

const shownBy = (page) =>
  page.evaluate(() => Object.fromEntries([...document.querySelectorAll("main p")].map(({ id, textContent }) => [id, textContent])));

/** Waits until the page shows this. */
async function shows(page, expected) {
  let found;
  await until(`the page shows ${JSON.stringify(expected)}`, async () => {
    found = await shownBy(page);
    return Object.entries(expected).every(([id, text]) => found[id] === text) || undefined;
  }).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(found)}`);
  });
}

for (const name of FRAMEWORKS) {
  suite(name, () => {
    test("the state arrives, and what is shown follows it", async (t) => {
      const url = await serve();
      const { page, complaints, sockets } = await open(t, name);
      await page.evaluate((url) => void app.mount(root, url), url);
      await shows(page, { status: "connected", whole: JSON.stringify(STATE), count: "1", on: "a7" });
      await set(url, "/count", 2);
      await shows(page, { count: "2", on: "a7", whole: JSON.stringify({ ...STATE, count: 2 }) });
      await set(url, "/devices/b1/on", true);
      await shows(page, { count: "2", on: "a7,b1" });
      await set(url, "", null);
      await shows(page, { status: "connected", whole: "null", count: "undefined", on: "" });
      assert.equal(sockets.length, 1);
      expectNoComplaints(complaints);
    });

    test("a component that is gone has closed what it opened", async (t) => {
      const url = await serve();
      const { page, complaints, connections, sockets } = await open(t, name);
      await page.evaluate((url) => void (globalThis.end = app.mount(root, url)), url);
      await shows(page, { status: "connected", count: "1" });
      assert.equal(connections(), 1);
      await page.evaluate(() => end());
      await until("the connection is closed", () => connections() === 0);
      assert.equal(sockets.length, 1);
      assert.deepEqual(await shownBy(page), {});
      expectNoComplaints(complaints);
    });

    test("a client that is given stays open, without the listeners of a component that is gone", async (t) => {
      const url = await serve();
      const { page, complaints, connections } = await open(t, name);
      await page.evaluate(async (url) => {
        const client = new app.Juggler(url);
        await client.ready;
        globalThis.listening = 0;
        for (const method of ["on", "select", "subscribe"]) {
          const original = client[method].bind(client);
          client[method] = (...parameters) => {
            const stop = original(...parameters);
            listening += 1;
            return () => {
              listening -= 1;
              stop();
            };
          };
        }
        globalThis.client = client;
        globalThis.end = app.mount(root, client);
      }, url);
      await shows(page, { status: "connected", count: "1" });
      await until("it listens for each of its parts", () => page.evaluate(() => listening >= 4));
      await page.evaluate(() => end());
      await until("nothing listens", () => page.evaluate(() => listening === 0));
      assert.equal(await page.evaluate(() => client.status.state), "connected");
      assert.equal(connections(), 1);
      expectNoComplaints(complaints);
    });

    test("without a page nothing is connected, and what there is without a state is rendered", async () => {
      const { render } = await importServer(`${name}/server.mjs`);
      const touched = [];
      const originals = { fetch: globalThis.fetch, WebSocket: globalThis.WebSocket };
      globalThis.fetch = (address) => touched.push(String(address));
      globalThis.WebSocket = function WebSocket(address) {
        touched.push(String(address));
      };
      let html;
      try {
        html = await render("/ws");
      } finally {
        Object.assign(globalThis, originals);
      }
      assert.deepEqual(touched, []);
      const shown = [...html.matchAll(/<p[^>]* id="?(\w+)"?[^>]*>(.*?)<\/p>/g)].map(([, id, text]) => [id, text.replaceAll(/<!--.*?-->/g, "")]);
      assert.deepEqual(Object.fromEntries(shown), NOTHING, html);
    });
  });
}

suite("react, besides", () => {
  test("strict mode, which mounts twice, leaves one connection", async (t) => {
    const url = await serve();
    const { page, complaints, connections, sockets } = await open(t, "react");
    await page.evaluate((url) => void (globalThis.end = app.mountStrictly(root, url)), url);
    await shows(page, { status: "connected", count: "1" });
    assert.equal(connections(), 1);
    assert.equal(sockets.length, 1, "the one that was closed at once has never opened a socket");
    await set(url, "/count", 2);
    await shows(page, { count: "2" });
    await page.evaluate(() => end());
    await until("the connection is closed", () => connections() === 0);
    expectNoComplaints(complaints);
  });

  test("what a server has rendered comes alive without being rendered anew", async (t) => {
    const url = await serve();
    const { render } = await importServer("react/server.mjs");
    const { page, complaints } = await open(t, "react");
    const isKept = await page.evaluate(
      ([html, url]) => {
        root.innerHTML = html;
        const before = root.querySelector("#count");
        app.mountStrictly(root, url);
        globalThis.isKept = () => before === root.querySelector("#count");
        return isKept();
      },
      [render("/ws"), url],
    );
    assert.ok(isKept);
    await shows(page, { status: "connected", count: "1" });
    assert.ok(await page.evaluate(() => isKept()));
    expectNoComplaints(complaints);
  });

  test("other addresses are another connection, and the same ones are not", async (t) => {
    const [one, two] = [await serve(), await serve({ ...STATE, count: 7 })];
    const { page, complaints, connections, sockets } = await open(t, "react");
    await page.evaluate((url) => {
      globalThis.show = app.mountChanging(root);
      show([url]);
    }, one);
    await shows(page, { status: "connected", count: "1" });
    await page.evaluate((url) => show([url]), one);
    await page.evaluate((url) => show([url]), two);
    await shows(page, { status: "connected", count: "7" });
    await until("one connection is left", () => connections() === 1);
    assert.equal(sockets.length, 2);
    expectNoComplaints(complaints);
  });

  for (const way of ["pointer", "identity"]) {
    test(`of ${ROWS} rows, found by ${way}, the one that changed is rendered`, async (t) => {
      const rows = Object.fromEntries(Array.from({ length: ROWS }, (_, index) => [`r${index}`, { value: index }]));
      const url = await serve({ rows, other: 0 });
      const { page, complaints } = await open(t, "react");
      await page.evaluate(([url, way]) => app.mountList(root, url, way), [url, way]);
      await page.waitForFunction((count) => document.querySelectorAll("li").length === count, ROWS);
      await page.waitForFunction(() => document.querySelector("#r999").textContent === "999");
      const counted = async (change, id, text) => {
        await page.evaluate(() => Object.assign(app.renders, { lists: 0, rows: 0 }));
        await set(url, ...change);
        await page.waitForFunction(([id, text]) => document.getElementById(id).textContent === text, [id, text]);
        return page.evaluate(() => ({ ...app.renders }));
      };
      const lists = way === "pointer" ? 0 : 1;
      assert.deepEqual(await counted(["/rows/r7/value", "changed"], "r7", "changed"), { lists, rows: 1 });
      // What is not shown renders nothing: the next change that is shown comes behind it.
      await set(url, "/other", 1);
      assert.deepEqual(await counted(["/rows/r999/value", "last"], "r999", "last"), { lists, rows: 1 });
      expectNoComplaints(complaints);
    });
  }
});
