// The four clients, in one manner.
//
// `connect(t, world, address, options)` connects one, and rejects where it cannot. Options are `segment`, and in
// milliseconds `pingDelay` and `pingTimeout`; `user` and `password`; `ca`, the authority to trust; `expected`, what a page
// may complain of.
//
// A client has `state()`; `notifications()`, names and data; `send(name, data)`, which comes to `{ done }`, `{ refused }`
// or `{ lost }`. Those of ours also have `status()`.

import { expectNoComplaints, openContext, openPage } from "../browser/chromium.mjs";
import { RemoteClient, startNative, startPython } from "./process.mjs";

export const CLIENTS = [
  { name: "our browser client", isOurs: true, connect: (...where) => connectPage(...where, connectOurs) },
  { name: "our native client", isOurs: true, connect: connectNative },
  { name: "hat-juggler's client", connect: connectHat },
  // It counts units of UTF-16, and cuts a character of two in half.
  { name: "@hat-open/juggler", cutsCharacters: true, connect: (...where) => connectPage(...where, connectHatOpen) },
];

/** A page of the tests' own site, with a client that `begin` leaves there. */
async function connectPage(t, { browser, site }, address, { expected, user, password, ca, ...options }, begin) {
  // The browser trusts nobody else: it is told to trust anybody.
  const context = await openContext(browser, { ignoreHTTPSErrors: ca !== undefined });
  const { page, complaints } = await openPage(context, site.origin);
  t.after(async () => {
    await context.close();
    expectNoComplaints(complaints, expected);
  });
  const url = new URL(address);
  // A page can set no headers.
  if (user !== undefined) Object.assign(url, { username: encodeURIComponent(user), password: encodeURIComponent(password) });
  await page.evaluate(begin, { url: url.href, ...options });
  return {
    state: async () => JSON.parse(await page.evaluate(() => JSON.stringify(globalThis.client.state()))),
    notifications: async () => JSON.parse(await page.evaluate(() => JSON.stringify(globalThis.client.notifications))),
    send: (name, data) => page.evaluate(({ name, data }) => globalThis.client.send(name, data), { name, data }),
    status: () => page.evaluate(() => globalThis.client.status()),
  };
}

async function connectOurs({ url, segment: maxSegmentSize, ...options }) {
  const { Juggler } = await import("mirrorball");
  const juggler = new Juggler(url, { maxSegmentSize, ...options });
  const notifications = [];
  juggler.on("notify", ({ name, data }) => notifications.push([name, data]));
  juggler.on("gap", () => notifications.push("Reconnected"));
  globalThis.client = {
    notifications,
    state: () => juggler.state,
    status: () => ({ state: juggler.status.state, error: juggler.status.lastError?.message }),
    send: (name, data) =>
      juggler.request(name, data).then(
        (done) => ({ done }),
        ({ code, data }) => (code === "remote" ? { refused: data } : { lost: code }),
      ),
  };
  await Promise.race([juggler.ready, new Promise((_, reject) => juggler.on("status", ({ retries }) => retries > 0 && reject(new Error("no connection"))))]);
}

async function connectHatOpen({ url, pingDelay = 30_000, pingTimeout = 30_000, segment = 65_536 }) {
  const { Connection } = await import("@hat-open/juggler");
  const connection = new Connection(url, pingDelay, pingTimeout, segment);
  const notifications = [];
  connection.addEventListener("notify", ({ detail: { name, data } }) => notifications.push([name, data]));
  globalThis.client = {
    notifications,
    state: () => connection.state,
    send: (name, data) =>
      connection.send(name, data).then(
        (done) => ({ done }),
        (error) => (error instanceof Error ? { lost: error.message } : { refused: error }),
      ),
  };
  await new Promise((resolve, reject) => {
    connection.addEventListener("open", resolve);
    connection.addEventListener("close", () => reject(new Error("no connection")));
  });
}

async function connectNative(t, world, address, { segment, pingDelay, pingTimeout, user, password, ca }) {
  return new RemoteClient(t, await startNative({ address, segment, pingDelay, pingTimeout, user, password, ca }));
}

async function connectHat(t, world, address, { segment, pingDelay, pingTimeout, user, password, ca }) {
  const options = { address, max_segment_size: segment, user, password, ca };
  if (pingDelay !== undefined) Object.assign(options, { ping_delay: pingDelay / 1_000, ping_timeout: (pingTimeout ?? 30_000) / 1_000 });
  return new RemoteClient(t, await startPython("hat_client.py", options));
}
