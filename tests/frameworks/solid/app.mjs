import h from "solid-js/h";

import { useJuggler, useStatus, useSubscription } from "mirrorball/solid";

import { isSame, on } from "../parts.mjs";

export function App({ source }) {
  const client = useJuggler(source, { minRetryDelay: 1 });
  const state = useSubscription(client);
  const count = useSubscription(client, "/count");
  const ids = useSubscription(client, on, isSame);
  const status = useStatus(client);
  return h("main", [
    h("p", { id: "status" }, () => status()?.state ?? "none"),
    h("p", { id: "whole" }, () => JSON.stringify(state())),
    h("p", { id: "count" }, () => String(count())),
    h("p", { id: "on" }, () => ids().join()),
  ]);
}
