// Our client in a browser, on a page of the tests' own site.

import { expectNoComplaints, openContext, openPage } from "../browser/chromium.mjs";
import { Driver } from "./driver.mjs";
import { watchSegments } from "./segments.mjs";

/** A page with our client connected to `url`, and a driver; what the page may complain of is `expected`. */
export async function connectClient(t, { browser, site, url, expected, ...options }) {
  const context = await openContext(browser);
  const { page, complaints } = await openPage(context, site.origin);
  const segments = watchSegments(page);
  await page.evaluate(
    async ({ url, options }) => {
      const { Juggler } = await import("mirrorball");
      const host = new Juggler(url, options);
      Object.assign(globalThis, { host, notifications: [], gaps: 0 });
      host.on("notify", (notification) => globalThis.notifications.push(notification));
      host.on("gap", () => (globalThis.gaps += 1));
      await host.ready;
    },
    { url, options },
  );
  const driver = await Driver.connect(url);
  t.after(async () => {
    driver.close();
    await context.close();
    expectNoComplaints(complaints, expected);
  });
  const client = {
    state: async () => JSON.parse(await page.evaluate(() => JSON.stringify(globalThis.host.state))),
    status: () => page.evaluate(() => globalThis.host.status.state),
    gaps: () => page.evaluate(() => globalThis.gaps),
    notifications: async () => JSON.parse(await page.evaluate(() => JSON.stringify(globalThis.notifications))),
    send: (name, data) =>
      page.evaluate(({ name, data }) => globalThis.host.request(name, data).then((done) => ({ done }), ({ code, data = null }) => ({ code, data })), { name, data }),
  };
  return { client, driver, segments };
}
