// Our native client holds what hat-juggler's server (Python) holds.

import { test } from "node:test";

import { expectConvergence } from "./convergence.mjs";
import { Driver } from "./driver.mjs";
import { startHatServer } from "./hat.mjs";
import { NativeClient } from "./native.mjs";

/** A server of hat-juggler for one test. */
async function startHat(t, options = {}) {
  const server = await startHatServer({ autoflush_delay: 0, ...options });
  t.after(() => server.kill());
  return server;
}

async function openDriver(t, address) {
  const driver = await Driver.connect(address);
  t.after(() => driver.close());
  return driver;
}

const throughHat = (driver) => ({
  // It is given the whole value, and finds out what changed: so its diffs are its own.
  change: (_, value) => driver.request("set", value),
  snapshot: async () => JSON.parse(await driver.request("snapshot")),
});

for (const segment of [1, 65_536]) {
  test(`the state is the same after 1,000 changes, in segments of ${segment}`, async (t) => {
    // Clients know a state of null by its silence only: it is begun with another.
    const { address } = await startHat(t, { max_segment_size: segment, data: 0 });
    const client = await NativeClient.connect(t, address, { segment });
    const driver = await openDriver(t, address);
    await expectConvergence(segment, { ...throughHat(driver), mirror: () => client.state() });
  });
}

test("the state is the same after changes that are sent together", async (t) => {
  const { address } = await startHat(t, { autoflush_delay: 0.02, data: 0 });
  const client = await NativeClient.connect(t, address);
  const driver = await openDriver(t, address);
  await expectConvergence(7, { ...throughHat(driver), mirror: () => client.state() });
});
