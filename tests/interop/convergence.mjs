// The same value on both ends, whatever happens to it.

import assert from "node:assert/strict";

import { digest } from "./canonical.mjs";
import { Changes } from "./changes.mjs";
import { until } from "../browser/until.mjs";

const CHANGES = 1_000;
/** After so many changes it is seen whether all agree. */
const CHECKED = 100;

/**
 * Makes random changes on a server with `change`, and sees that the server's own `snapshot` and the `mirror`
 * of a client both come to what the changes come to.
 */
export async function expectConvergence(seed, { change, snapshot, mirror }) {
  const changes = new Changes(seed);
  await change({ path: "", value: changes.value }, changes.value);
  for (let made = 1; made <= CHANGES; made += 1) {
    await change(changes.next(), changes.value);
    if (made % CHECKED !== 0) continue;
    const expected = digest(changes.value);
    assert.equal(digest(await snapshot()), expected, `seed ${seed}: the server after ${made} changes`);
    await until(`seed ${seed}: the client agrees after ${made} changes`, async () => digest(await mirror()) === expected);
  }
}

/** Changes a server of ours. */
export const throughRequests = (driver) => ({
  change: ({ path, value }) => (value === undefined ? driver.request("remove", { path }) : driver.request("set", { path, value })),
  snapshot: async () => JSON.parse(await driver.request("snapshot")),
});
