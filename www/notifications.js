// @ts-check
/** What the server told besides the state: the newest at the top, and a bounded number of them. */
import { byId, fromTemplate, setText } from "./dom.js";
import { clock, count, decimal } from "./format.js";

/**
 * @typedef {import("./host.js").Threshold} Threshold
 * @typedef {import("./host.js").ProcessEvent} ProcessEvent
 * @typedef {import("./requests.js").Host} Host
 * @typedef {{ at: number, kind: string, text: string }} Entry
 */

/** Rows kept in the log; the oldest go first. */
const MAX_ROWS = 100;

export class Notifications {
  #list = byId("notifications");
  #count = byId("notification-count");
  #empty = byId("notifications-empty");
  #announcement = byId("announcement");
  /** Entries that no frame has shown yet, as many as the log can show. @type {Entry[]} */
  #waiting = [];
  #received = 0;

  /** @param {Host} host @param {() => void} redraw asks for a frame */
  constructor(host, redraw) {
    /** @param {string} kind @param {string} text */
    const add = (kind, text) => {
      this.#received += 1;
      this.#waiting = [...this.#waiting, { at: Date.now(), kind, text }].slice(-MAX_ROWS);
      redraw();
    };
    host.on("notify", ({ name, data }) => {
      if (name === "threshold") {
        const text = thresholdText(/** @type {Threshold} */ (data));
        setText(this.#announcement, text);
        add(/** @type {Threshold} */ (data).state, text);
      } else if (name === "process") {
        const { event, pid, name } = /** @type {ProcessEvent} */ (data);
        add(event, `${name} (${pid})`);
      } else {
        add(name, JSON.stringify(data) ?? "");
      }
    });
    host.on("gap", ({ reason }) => add("gap", `notifications may be missing: ${reason}`));
  }

  draw() {
    if (this.#waiting.length === 0) return;
    const rows = this.#waiting.reverse().map(({ at, kind, text }) => {
      const { element, part } = fromTemplate("notification");
      element.dataset.kind = kind;
      setText(part("time"), clock(at));
      setText(part("kind"), kind);
      setText(part("text"), text);
      return element;
    });
    this.#waiting = [];
    this.#list.prepend(...rows);
    while (this.#list.childElementCount > MAX_ROWS) this.#list.lastElementChild?.remove();
    this.#empty.hidden = true;
    setText(this.#count, `${count(this.#received)} since the page was opened`);
  }
}

/** @param {Threshold} threshold */
const thresholdText = ({ metric, value, limit, seconds, state }) =>
  state === "crossed"
    ? `${metric} above ${limit}% for ${seconds} s (${decimal(value, 1)}%)`
    : `${metric} below ${limit}% again (${decimal(value, 1)}%)`;
