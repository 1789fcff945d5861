import { createElement as h } from "react";

import { useJuggler, useStatus, useSubscription } from "mirrorball/react";

import { isSame, on } from "../parts.mjs";

export function App({ source }) {
  const client = useJuggler(source, { minRetryDelay: 1 });
  const state = useSubscription(client);
  const count = useSubscription(client, "/count");
  const ids = useSubscription(client, (state) => on(state), isSame);
  const status = useStatus(client);
  const shown = { status: status?.state ?? "none", whole: JSON.stringify(state), count: String(count), on: ids.join() };
  return h("main", null, ...Object.entries(shown).map(([id, text]) => h("p", { id, key: id }, text)));
}
