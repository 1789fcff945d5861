import { resolve } from "../address.js";
import { InvalidArgumentError } from "../errors.js";
import type { BayeuxOptions, ConnectionType } from "./types.js";

/** A way to a server, and its address. */
export interface Way {
  readonly type: ConnectionType;
  readonly address: string;
}

/** The ways to a server that these options allow, the preferred one first. */
export function waysTo(url: string | URL, options: BayeuxOptions): readonly Way[] {
  const { connectionTypes = ["websocket", "long-polling"], urls = {} } = options;
  const types = typeof connectionTypes === "string" ? [connectionTypes] : connectionTypes;
  if (types.length === 0) throw new InvalidArgumentError("at least one connection type is needed");
  return types.map((type) => ({ type, address: addressFor(type, urls[type] ?? url) }));
}

/** The address for a way to a server. */
function addressFor(type: ConnectionType, url: string | URL): string {
  const [socket = ""] = resolve(url);
  switch (type) {
    case "websocket":
      return socket;
    case "long-polling":
      return socket.replace(/^ws/, "http");
    default:
      throw new InvalidArgumentError(`"${String(type)}" is no connection type: there are websocket and long-polling`);
  }
}
