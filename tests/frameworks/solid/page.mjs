import { render } from "solid-js/web";

import { App } from "./app.mjs";

export { Juggler } from "mirrorball";

/** Shows the app; returns what ends that. */
export const mount = (target, source) => render(() => App({ source }), target);
