// The clients, in one manner.
//
// `connect(t, world, options)` connects one, and rejects where it cannot. Options are the `address`; the `transport`;
// `patience`, in milliseconds, for the network; `extensions`, those of CometD; `slow`, in milliseconds, its clock.
//
// A client answers `ask(command)` with `{ done }`, or with `{ refused }`, in the server's words. `messages()` are those that came,
// channels and data, one for each that the server sent; `status()` has the `transport`, `isConnected`, and how many `sessions`
// there were.

import { setTimeout as sleep } from "node:timers/promises";

import { expectNoComplaints, openContext, openPage } from "../browser/chromium.mjs";
import { PATIENCE } from "../browser/until.mjs";
import { Remote } from "../interop/process.mjs";
import { OF_CLIENTS } from "./differences.mjs";
import { startNative, startScript } from "./process.mjs";

/** What a page says of a connection that is gone. */
const LOST = /^error: (WebSocket connection to .* failed|Failed to load resource: net::ERR_|Access to fetch at .* blocked by CORS)/;

const WEBSOCKET = "websocket";
const LONG_POLLING = "long-polling";

class Peer {
  #ask;

  constructor(ask) {
    this.#ask = ask;
  }

  /** Has it carry out `command`. */
  async ask(command) {
    const stop = new AbortController();
    const late = sleep(PATIENCE, { lost: `no answer within ${PATIENCE / 1_000} s` }, { signal: stop.signal });
    // Where it is not needed any more, it rejects.
    late.catch(() => undefined);
    const answer = await Promise.race([this.#ask(command), late]);
    stop.abort();
    return answer;
  }

  /** Has it do what it can do; rejects where it cannot. */
  async done(what, parameters) {
    const { done, ...otherwise } = await this.ask({ do: what, ...parameters });
    if (done === undefined) throw new Error(`the client could not ${what}: ${JSON.stringify(otherwise)}`);
    return done;
  }

  messages() {
    return this.done("messages");
  }

  status() {
    return this.done("status");
  }
}

/** A client in a process of its own. */
const remote = (start) => async (t, world, { patience = 10_000, ...options }) => {
  const program = new Remote(t, await start({ patience, ...options }));
  return new Peer((command) => program.ask(command));
};

const script = (name) => remote((options) => startScript(name, options));

/** A page of the tests' own site, with our client. */
async function connectPage(t, { browser, origin }, { patience = 10_000, ...options }) {
  const context = await openContext(browser);
  const { page, complaints } = await openPage(context, origin);
  t.after(async () => {
    await context.close();
    // The server may end before the page.
    expectNoComplaints(complaints, LOST);
  });
  await page.evaluate(openInPage, { patience, ...options });
  return new Peer((command) => page.evaluate((it) => globalThis.client.ask(it), command));
}

async function openInPage({ address, transport, patience, extensions = [] }) {
  const { Bayeux, ServerError } = await import("mirrorball");
  const bus = new Bayeux(address, {
    connectionTypes: transport,
    maxNetworkDelay: patience,
    connectTimeout: patience,
    minRetryDelay: 50,
    maxRetryDelay: 200,
    credentials: "include",
    ack: extensions.includes("ack"),
  });
  // One message is one object, however many subscriptions hear it.
  const messages = new Set();
  const sessions = new Set();
  bus.on("status", () => bus.clientId !== null && sessions.add(bus.clientId));
  await bus.open();

  const nothing = () => undefined;
  const commands = {
    subscribe: ({ channel }) => bus.subscribe(channel, (message) => messages.add(message)).then(nothing),
    unsubscribe: ({ channel }) => bus.unsubscribe(channel).then(nothing),
    publish: ({ channel, data }) => bus.publish(channel, data).then(nothing),
    batch: ({ steps }) => Promise.all(bus.batch(() => steps.map(({ do: what, ...step }) => commands[what](step)))),
    call: ({ target, data }) =>
      bus.call(target, data).then(
        (data) => ({ successful: true, data }),
        ({ response }) => ({ successful: false, data: response.data }),
      ),
    messages: () => [...messages].map(({ channel, data }) => [channel, data]),
    status: () => ({
      transport: bus.connectionType,
      isConnected: bus.status.state === "connected",
      sessions: sessions.size,
      ack: extensions.includes("ack"),
    }),
    disconnect: () => bus.close().then(nothing),
  };
  globalThis.client = {
    async ask({ do: what, ...command }) {
      try {
        return { done: (await commands[what](command)) ?? null };
      } catch (error) {
        return { refused: (error instanceof ServerError && error.error) || error.message };
      }
    },
  };
}

const transports = [WEBSOCKET, LONG_POLLING];

export const CLIENTS = [
  { name: "our browser client", isOurs: true, transports, differences: OF_CLIENTS.browser, connect: connectPage },
  { name: "our native client", isOurs: true, transports, differences: OF_CLIENTS.native, connect: remote(startNative) },
  { name: "cometd", transports, differences: OF_CLIENTS.cometd, connect: script("cometd_client.mjs") },
  { name: "aiocometd", transports, differences: OF_CLIENTS.aiocometd, connect: script("aiocometd_client.py") },
  { name: "faye", transports, differences: OF_CLIENTS.faye, connect: script("faye_client.mjs") },
];
