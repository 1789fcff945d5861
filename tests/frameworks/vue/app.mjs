import { defineComponent, h } from "vue";

import { useJuggler, useStatus, useSubscription } from "mirrorball/vue";

import { isSame, on } from "../parts.mjs";

export const App = defineComponent({
  props: ["source"],
  setup({ source }) {
    const client = useJuggler(source, { minRetryDelay: 1 });
    const state = useSubscription(client);
    const count = useSubscription(client, "/count");
    const ids = useSubscription(client, on, isSame);
    const status = useStatus(client);
    return () =>
      h("main", [
        h("p", { id: "status" }, status.value?.state ?? "none"),
        h("p", { id: "whole" }, JSON.stringify(state.value)),
        h("p", { id: "count" }, String(count.value)),
        h("p", { id: "on" }, ids.value.join()),
      ]);
  },
});
