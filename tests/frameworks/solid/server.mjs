import { renderToString, ssr, ssrHydrationKey, escape } from "solid-js/web";

import { useJuggler, useStatus, useSubscription } from "mirrorball/solid";

import { isSame, on } from "../parts.mjs";

// `solid-js/h` makes elements of a page: without one, what the compiler would make of the app is written out.
function App({ source }) {
  const client = useJuggler(source);
  const state = useSubscription(client);
  const count = useSubscription(client, "/count");
  const ids = useSubscription(client, on, isSame);
  const status = useStatus(client);
  const shown = { status: status()?.state ?? "none", whole: JSON.stringify(state()), count: String(count()), on: ids().join() };
  const line = ["<p", ' id="', '">', "</p>"];
  return ssr(
    ["<main", ">", "</main>"],
    ssrHydrationKey(),
    Object.entries(shown).map(([id, text]) => ssr(line, ssrHydrationKey(), id, escape(text))),
  );
}

export const render = (source) => renderToString(() => App({ source }));
