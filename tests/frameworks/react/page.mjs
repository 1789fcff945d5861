import { createElement as h, memo, StrictMode } from "react";
import { createRoot, hydrateRoot } from "react-dom/client";

import { Juggler } from "mirrorball";
import { useJuggler, useSubscription } from "mirrorball/react";

import { isSame } from "../parts.mjs";
import { App } from "./app.mjs";

export { Juggler };

/** Shows the app; returns what ends that. */
export function mount(target, source) {
  const root = createRoot(target);
  root.render(h(App, { source }));
  return () => root.unmount();
}

/** Shows other addresses, one after another. */
export function mountChanging(target) {
  const root = createRoot(target);
  return (source) => root.render(h(App, { source }));
}

/** As `mount`, in strict mode, over what a server has rendered where there is something. */
export function mountStrictly(target, source) {
  const app = h(StrictMode, null, h(App, { source }));
  const root = target.hasChildNodes() ? hydrateRoot(target, app) : createRoot(target);
  if (!target.hasChildNodes()) root.render(app);
  return () => root.unmount();
}

/** How often components were rendered. */
export const renders = { lists: 0, rows: 0 };

const ByPointer = memo(({ client, id }) => {
  renders.rows += 1;
  const row = useSubscription(client, `/rows/${id}`);
  return h("li", { id }, row?.value);
});

const ByIdentity = memo(({ id, row }) => {
  renders.rows += 1;
  return h("li", { id }, row.value);
});

function ListByPointer({ url }) {
  renders.lists += 1;
  const client = useJuggler(() => new Juggler(url));
  const ids = useSubscription(client, (state) => Object.keys(state?.rows ?? {}), isSame);
  return h("ul", null, ids.map((id) => h(ByPointer, { key: id, client, id })));
}

function ListByIdentity({ url }) {
  renders.lists += 1;
  const rows = useSubscription(useJuggler(url), "/rows");
  return h("ul", null, Object.entries(rows ?? {}).map(([id, row]) => h(ByIdentity, { key: id, id, row })));
}

/** Shows a list of rows. */
export function mountList(target, url, way) {
  createRoot(target).render(h(way === "pointer" ? ListByPointer : ListByIdentity, { url }));
}
