// The two servers, in one manner.
//
// `start(t, world, options)` starts one. Options are its `state` to begin with, and whether each connection has its `own`;
// `segment`; `parallel`; in milliseconds `autoflush` (`null` for none), `pingDelay` and `pingTimeout`; `htpasswd`, a file;
// `identity`, the files of a certificate and its key; `port`. It is at `address`, and answers the requests of
// `tests/src/mirror.rs`, as far as they are not the following.

import { startPython } from "./process.mjs";

export const SERVERS = [
  {
    name: "our server",
    /** What it can fail with. */
    errors: ["in words 😀", { code: 7, "any 😀": [null, {}] }],
    /** The request that sets the whole state. */
    set: (value) => ["set", { path: "", value }],
    /** Makes changes, which come to `value`. */
    change: (driver, changes) => driver.request("changes", changes),
    async start(t, { fixture, site }, { identity, ...options }) {
      const plan = { origin: site.origin, rate: null, identity, ...options };
      const answer = await fetch(`${fixture.address}/servers`, { method: "POST", body: JSON.stringify(plan) });
      if (!answer.ok) throw new Error(`the fixture says ${answer.status}: ${await answer.text()}`);
      const { url } = await answer.json();
      return { address: identity ? url.replace(/^ws:..[^:]+/, "wss://localhost") : url };
    },
  },
  {
    name: "hat-juggler's server",
    errors: ["in words 😀"],
    set: (value) => ["set", value],
    // It is given the whole value, and finds out what changed: so its diffs are its own.
    change: (driver, changes, value) => driver.request("set", value),
    async start(t, world, { state = null, segment, autoflush = 0, parallel, pingDelay, pingTimeout, htpasswd, identity, ...options }) {
      const seconds = (milliseconds) => (typeof milliseconds === "number" ? milliseconds / 1_000 : milliseconds);
      const server = await startPython("hat_server.py", {
        data: state,
        identity,
        max_segment_size: segment,
        autoflush_delay: seconds(autoflush),
        parallel_requests: parallel,
        ping_delay: seconds(pingDelay),
        ping_timeout: seconds(pingTimeout),
        htpasswd_file: htpasswd,
        ...options,
      });
      t.after(() => server.kill());
      return server;
    },
  },
];
