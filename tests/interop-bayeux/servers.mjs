// The servers, in one manner.
//
// `start(t, world, options)` starts one. Options are, in milliseconds, `timeout`, for which a connect is held, and `maxInterval`, which
// a session lives without one; `port`. It is at `address`, which names a host: aiohttp keeps no cookies of a number. `sessions()`
// counts; `kill(signal)` is the process's.

import { OF_SERVERS } from "./differences.mjs";
import { startOurs, startScript } from "./process.mjs";

const WEBSOCKET = "websocket";
const LONG_POLLING = "long-polling";

async function found(t, starting) {
  const server = await starting;
  t.after(() => server.kill());
  const port = Number(/:(\d+)/.exec(server.address.replace(/^\w+:/, ""))[1]);
  const origin = `http://localhost:${port}`;
  return {
    port,
    address: `${origin}/cometd`,
    sessions: async () => Number(await (await fetch(`${origin}/sessions`)).text()),
    kill: (signal) => server.kill(signal),
  };
}

export const SERVERS = [
  {
    name: "our server",
    isOurs: true,
    transports: [WEBSOCKET, LONG_POLLING],
    differences: OF_SERVERS.ours,
    start: (t, { origin }, { port = 0, ...bayeux } = {}) => found(t, startOurs({ port, origin, bayeux })),
  },
  {
    name: "cometd-nodejs-server",
    transports: [LONG_POLLING],
    differences: OF_SERVERS.cometd,
    start: (t, world, options = {}) => found(t, startScript("cometd_server.mjs", options)),
  },
  {
    name: "faye's server",
    transports: [WEBSOCKET, LONG_POLLING],
    differences: OF_SERVERS.faye,
    start: (t, world, options = {}) => found(t, startScript("faye_server.mjs", options)),
  },
];
