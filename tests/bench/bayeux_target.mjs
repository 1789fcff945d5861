// The public servers of Bayeux that the benchmarks measure: `node tests/bench/bayeux_target.mjs faye|cometd-nodejs-server
// [--listen ADDRESS]`. Who holds a connect there is answered after as long as by ours.

import { createServer } from "node:http";
import { parseArgs } from "node:util";

import cometd from "cometd-nodejs-server";
import faye from "faye";

/** How long a connect is held, in seconds. */
const TIMEOUT = 30;

const SERVERS = {
  faye() {
    const server = createServer();
    new faye.NodeAdapter({ mount: "/cometd", timeout: TIMEOUT }).attach(server);
    return server;
  },
  "cometd-nodejs-server": () => createServer(cometd.createCometDServer({ timeout: TIMEOUT * 1_000 }).handle),
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { listen: { type: "string", default: "127.0.0.1:0" }, "autoflush-ms": { type: "string" } },
});
const [host, port] = values.listen.split(":");
const server = SERVERS[positionals[0]]();
server.listen(Number(port), host, () => console.log(`ready at ws://${host}:${server.address().port}/ws`));
