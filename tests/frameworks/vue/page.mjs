import { createApp } from "vue";

import { App } from "./app.mjs";

export { Juggler } from "mirrorball";

/** Shows the app; returns what ends that. */
export function mount(target, source) {
  const app = createApp(App, { source });
  app.mount(target);
  return () => app.unmount();
}
