import { InvalidArgumentError } from "./errors.js";

/** Where a server is: `ws(s)://`, `http(s)://`, or relative to the page. */
export type Address = string | URL;

/** The WebSocket addresses that `addresses` stand for. */
export function resolve(addresses: Address | readonly Address[]): string[] {
  const list = typeof addresses === "string" || addresses instanceof URL ? [addresses] : addresses;
  if (list.length === 0) {
    throw new InvalidArgumentError("at least one address is needed");
  }
  return list.map(resolveOne);
}

function resolveOne(address: Address): string {
  const base = "location" in globalThis ? globalThis.location.href : undefined;
  let url: URL;
  try {
    url = new URL(address, base);
  } catch (cause) {
    const message =
      base === undefined
        ? `"${String(address)}" is no absolute URL, and there is no page that it could be relative to`
        : `"${String(address)}" is no URL`;
    throw new InvalidArgumentError(message, { cause });
  }
  if (url.protocol === "http:") url.protocol = "ws:";
  if (url.protocol === "https:") url.protocol = "wss:";
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new InvalidArgumentError(`"${url.href}" is neither ws(s):// nor http(s)://`);
  }
  // A WebSocket's address has no fragment.
  url.hash = "";
  return url.href;
}
