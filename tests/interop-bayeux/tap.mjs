// What stands between a client and a server: connections that break, and others that are dead and do not tell.

import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Opens a tap on a server. While it is `cut`, there are no connections; after `hush()` nothing passes those that there are. */
export async function openTap(t, { port }) {
  const pairs = new Set();
  let isCut = false;
  const server = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const pair = [client, connect(port, "127.0.0.1")];
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      for (const side of pair) side.destroy();
    };
    for (const [from, to] of [pair, pair.toReversed()]) {
      from.pipe(to);
      from.on("error", end);
      from.on("close", end);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const drop = () => pairs.forEach(([client, upstream]) => [client, upstream].forEach((side) => side.destroy()));
  t.after(() => {
    drop();
    server.close();
  });
  return {
    address: `http://localhost:${server.address().port}/cometd`,
    /** Breaks the connections, and takes none. */
    cut() {
      isCut = true;
      drop();
    },
    /** Has nothing pass any more, and nobody told. */
    hush() {
      for (const [client, upstream] of pairs) {
        for (const [from, to] of [[client, upstream], [upstream, client]]) from.unpipe(to);
      }
    },
    /** Takes connections again, and breaks those that are silent. */
    mend() {
      isCut = false;
      drop();
    },
  };
}
