/** Calls `wake` when there is reason to think that the network is back; returns what ends that. */
export function onWake(wake: () => void): () => void {
  const ends: (() => void)[] = [];
  const listen = (target: EventTarget, name: string, when: (event: Event) => boolean): void => {
    const listener = (event: Event): void => {
      if (when(event)) wake();
    };
    target.addEventListener(name, listener);
    ends.push(() => {
      target.removeEventListener(name, listener);
    });
  };
  if (typeof globalThis.addEventListener === "function") {
    listen(globalThis, "online", () => true);
    // A page that comes back from the back-forward cache.
    listen(globalThis, "pageshow", (event) => "persisted" in event && event.persisted === true);
  }
  if ("document" in globalThis) {
    listen(document, "visibilitychange", () => document.visibilityState === "visible");
  }
  return () => {
    for (const end of ends) end();
  };
}

/** Calls `leave` when the page is left for good; returns what ends that. */
export function onLeave(leave: () => void): () => void {
  const listener = (event: Event): void => {
    if (!("persisted" in event && event.persisted === true)) leave();
  };
  if (typeof globalThis.addEventListener !== "function") return () => undefined;
  globalThis.addEventListener("pagehide", listener);
  return () => {
    globalThis.removeEventListener("pagehide", listener);
  };
}
