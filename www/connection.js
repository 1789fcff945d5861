// @ts-check
/** How the page is connected, since when, and when it will try again. */
import { byId, setText } from "./dom.js";
import { clock } from "./format.js";

/**
 * @typedef {import("./requests.js").Host} Host
 * @typedef {Host["status"]} Status
 */

/** How often the countdown is looked at, in milliseconds. */
const COUNTDOWN_STEP = 250;

const root = document.documentElement;

export class Connection {
  #host;
  #redraw;
  #status = byId("status");
  #countdown = byId("retry-countdown");
  #detail = byId("connection-detail");
  #since = Date.now();
  /** @type {Status["state"] | undefined} */
  #state;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #next;

  /** @param {Host} host @param {() => void} redraw asks for a frame */
  constructor(host, redraw) {
    this.#host = host;
    this.#redraw = redraw;
    this.#changed();
    host.on("status", () => {
      this.#changed();
      redraw();
    });
    byId("cut").addEventListener("click", () => host.cut());
  }

  #changed() {
    if (this.#state === this.#host.status.state) return;
    this.#state = this.#host.status.state;
    this.#since = Date.now();
  }

  draw() {
    const { state, retries, nextRetryAt, lastError } = this.#host.status;
    root.dataset.status = state;
    // The live region changes with the state only: a countdown read aloud each second would be noise.
    setText(this.#status, this.#sentence(state));
    const waiting = (state === "connecting" || state === "stale") && (retries > 0 || nextRetryAt !== null);
    this.#countdown.hidden = !waiting;
    if (waiting) setText(this.#countdown, countdown(retries, nextRetryAt));
    const failed = state !== "connected" && state !== "closed" && lastError !== null;
    setText(this.#detail, failed ? lastError.message : location.host);
    clearTimeout(this.#next);
    if (nextRetryAt !== null) this.#next = setTimeout(this.#redraw, COUNTDOWN_STEP);
  }

  /** @param {Status["state"]} state */
  #sentence(state) {
    if (state === "connecting") return "connecting…";
    if (state === "connected") return "connected";
    return `${state} since ${clock(this.#since)}`;
  }
}

/** @param {number} retries @param {number | null} nextRetryAt */
function countdown(retries, nextRetryAt) {
  const retry = retries > 0 ? `retry ${retries}` : "retry";
  if (nextRetryAt === null) return `${retry} now`;
  return `${retry} in ${Math.max(0, Math.ceil((nextRetryAt - Date.now()) / 1000))} s`;
}
