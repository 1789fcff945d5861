// What a client does, on the console. Loaded only where that is wanted.

import type { MirrorballError } from "./errors.js";
import type { Logged } from "./log.js";
import type { Status } from "./types.js";

/** Changes that are shown of one message; of more the first. */
const MAX_CHANGES = 20;

/** A part of the state that changed: where it is, what it was and what it is. */
interface Change {
  readonly pointer: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Writes to the console what a client does: status, changes of the state, notifications, requests. */
export class Log {
  readonly #name: string;
  #last = 0;

  constructor(client: Logged) {
    this.#name = `[mirrorball ${client.addresses[0] ?? ""}]`;
    let status = describe(client.status);
    let { state } = client;
    this.#write(status, client.status);
    client.on("status", (found) => {
      const text = describe(found);
      // Requests that come and go are told by themselves.
      if (text !== status) this.#write(text, found);
      status = text;
    });
    client.on("change", ({ operations, bytes }) => {
      const before = state;
      state = client.state;
      const found: Change[] = [];
      compare("", before, state, found);
      this.#write(`${String(operations)} operations in ${String(bytes)} bytes`, found);
    });
    client.on("notify", ({ name, data }) => {
      this.#write(`notification ${name}`, data);
    });
    client.on("gap", () => {
      this.#write("notifications may be missing", client.status);
    });
    client.on("error", (error) => {
      console.warn(`${this.#name} ${error.message}`, error);
    });
  }

  /** A request begins; `answer` is its end. */
  request(name: string, data: unknown, answer: Promise<unknown>): void {
    const text = `request ${String((this.#last += 1))} ${name}`;
    const began = performance.now();
    const took = (): string => `after ${(performance.now() - began).toFixed(1)} ms`;
    this.#write(text, data);
    answer.then(
      (found) => {
        this.#write(`${text}: answered ${took()}`, found);
      },
      (error: unknown) => {
        const { code, message } = error as MirrorballError;
        this.#write(`${text}: ${code} ${took()}: ${message}`, error);
      },
    );
  }

  #write(text: string, value: unknown): void {
    console.debug(`${this.#name} ${text}`, value);
  }
}

function describe({ state, retries, nextRetryAt, lastError }: Status): string {
  if (nextRetryAt === null) return state;
  const reason = lastError ? `: ${lastError.message}` : "";
  return `${state}, attempt ${String(retries + 1)} at ${new Date(nextRetryAt).toISOString()}${reason}`;
}

/** Collects where two snapshots differ. What they share is the same object, so its cost follows the change. */
function compare(pointer: string, before: unknown, after: unknown, found: Change[]): void {
  if (Object.is(before, after) || found.length >= MAX_CHANGES) return;
  if (!isContainer(before) || !isContainer(after) || Array.isArray(before) !== Array.isArray(after)) {
    found.push({ pointer, before, after });
    return;
  }
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const token = key.replaceAll("~", "~0").replaceAll("/", "~1");
    compare(`${pointer}/${token}`, own(before, key), own(after, key), found);
  }
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function own(container: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(container, key) ? container[key] : undefined;
}
