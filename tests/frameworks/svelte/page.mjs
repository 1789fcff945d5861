import { mount as mountComponent, unmount } from "svelte";

import App from "./App.svelte";

export { Juggler } from "mirrorball";

/** Shows the app; returns what ends that. */
export function mount(target, source) {
  const app = mountComponent(App, { target, props: { source } });
  return () => unmount(app);
}
