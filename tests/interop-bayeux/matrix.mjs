// Every client with every server that is not of its own house, over every transport that both have.

import { after, before, describe } from "node:test";

import { launch } from "../browser/chromium.mjs";
import { openSite } from "../browser/site.mjs";
import { CLIENTS } from "./clients.mjs";
import { SERVERS } from "./servers.mjs";

/** How many tests of a pair run at the same time. Most of what they do is to wait. */
const AT_ONCE = { concurrency: 3 };

/**
 * Calls `tests` with each pair that `chosen` takes, to declare what holds for it. A pair has a `client`, a `server` and a
 * `transport`; `start` and `connect` are theirs; `startAndConnect` does both.
 */
export function eachPair(tests, chosen = () => true) {
  const world = {};
  before(async () => {
    [world.site, world.browser] = await Promise.all([openSite(), launch()]);
    // A page gives cookies to servers of the same site alone.
    world.origin = world.site.origin.replace("127.0.0.1", "localhost");
  });
  after(() => Promise.all([world.site.close(), world.browser.close()]));

  for (const server of SERVERS) {
    for (const client of CLIENTS.filter(({ isOurs }) => isOurs || server.isOurs)) {
      for (const transport of client.transports.filter((it) => server.transports.includes(it))) {
        const start = (t, options) => server.start(t, world, options);
        const connect = (t, address, options) => client.connect(t, world, { address, transport, ...options });
        const startAndConnect = async (t, plan, options) => {
          const running = await start(t, plan);
          return { running, peer: await connect(t, running.address, options) };
        };
        const pair = { client, server, transport, start, connect, startAndConnect };
        if (chosen(pair)) describe(`${client.name} with ${server.name} over ${transport}`, AT_ONCE, () => tests(pair));
      }
    }
  }
}
