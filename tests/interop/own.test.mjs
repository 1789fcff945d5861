// Our client in a browser with our server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "../browser/chromium.mjs";
import { openSite } from "../browser/site.mjs";
import { until } from "../browser/until.mjs";
import { digest } from "./canonical.mjs";
import { connectClient } from "./client.mjs";
import { expectConvergence, throughRequests } from "./convergence.mjs";
import { Fixture } from "./fixture.mjs";

let fixture, site, browser;
before(async () => ([fixture, site, browser] = await Promise.all([Fixture.open(), openSite(), launch()])));
after(() => Promise.all([fixture.close(), site.close(), browser.close()]));

test("the state is the same after 1,000 changes", async (t) => {
  const { url } = await fixture.start({ origin: site.origin });
  const { client, driver } = await connectClient(t, { browser, site, url });
  await expectConvergence(8, { ...throughRequests(driver), mirror: client.state });
});

test("the state is the same, whatever its keys are called", async (t) => {
  const { url } = await fixture.start({ origin: site.origin });
  const { client, driver } = await connectClient(t, { browser, site, url });
  let seen = false;
  for (let seed = 0; seed < 100; seed += 1) {
    await driver.request("random-changes", { seed, count: 20 });
    const text = await driver.request("snapshot");
    seen ||= text.includes('"__proto__":');
    const expected = digest(JSON.parse(text));
    await until(`the client agrees after seed ${seed}`, async () => digest(await client.state()) === expected);
  }
  assert.ok(seen, "the changes had a key of every kind");
});
