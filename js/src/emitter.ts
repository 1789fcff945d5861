/** How a listener is registered. */
export interface ListenOptions {
  /** Takes the listener away when it is aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** Listeners by the name of their event. One that throws is reported, and disturbs nobody else. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /** Adds a listener; returns what takes it away. */
  on<Name extends keyof Events>(
    name: Name,
    listener: (event: Events[Name]) => void,
    options: ListenOptions = {},
  ): () => void {
    const { signal } = options;
    if (signal?.aborted) return () => undefined;
    // The same function may listen twice.
    const entry = (event: Events[Name]): void => {
      listener(event);
    };
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(entry);
    const remove = (): void => {
      listeners.delete(entry);
      signal?.removeEventListener("abort", remove);
    };
    signal?.addEventListener("abort", remove, { once: true });
    return remove;
  }

  /** Tells the listeners that are there now. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    const listeners = this.#listeners.get(name) as Set<(event: Events[Name]) => void> | undefined;
    for (const listener of [...(listeners ?? [])]) {
      if (!listeners?.has(listener)) continue;
      try {
        listener(event);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** As an exception that nobody caught, also in Node, which has no `reportError`. */
export function report(error: unknown): void {
  if (typeof reportError === "function") {
    reportError(error);
  } else {
    queueMicrotask(() => {
      throw error;
    });
  }
}
