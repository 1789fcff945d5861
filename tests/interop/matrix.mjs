// Every client with every server.

import { after, before, describe } from "node:test";

import { launch } from "../browser/chromium.mjs";
import { openSite } from "../browser/site.mjs";
import { CLIENTS } from "./clients.mjs";
import { Driver } from "./driver.mjs";
import { startFixture } from "./process.mjs";
import { SERVERS } from "./servers.mjs";

/**
 * Calls `tests` with each pair that `chosen` takes, to declare what holds for it. A pair has a `client` and a `server`;
 * `start` and `connect` are theirs; `startAndConnect` does both, and has a `driver` beside.
 */
export function eachPair(tests, chosen = () => true) {
  const world = {};
  before(async () => {
    [world.fixture, world.site, world.browser] = await Promise.all([startFixture(), openSite(), launch()]);
  });
  after(() => Promise.all([world.fixture.kill("SIGTERM"), world.site.close(), world.browser.close()]));

  for (const server of SERVERS) {
    for (const client of CLIENTS) {
      const start = (t, options = {}) => server.start(t, world, options);
      const connect = (t, address, options = {}) => client.connect(t, world, address, options);
      const startAndConnect = async (t, plan = {}, options = {}) => {
        const { address } = await start(t, plan);
        const driver = await Driver.connect(address);
        t.after(() => driver.close());
        return { address, driver, peer: await connect(t, address, options) };
      };
      const pair = { client, server, start, connect, startAndConnect };
      if (chosen(pair)) describe(`${client.name} with ${server.name}`, () => tests(pair));
    }
  }
}
