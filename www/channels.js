// @ts-check
/**
 * Channels: what this page and others publish on them, and how often. The client is loaded and opened when the panel is opened
 * for the first time.
 */
import { Bayeux } from "./mirrorball/index.js";
import { byId, fromTemplate, Rows, setText } from "./dom.js";
import { clock, decimal } from "./format.js";
import { describe } from "./requests.js";

/** @typedef {import("./mirrorball/index.js").BayeuxMessage} BayeuxMessage */
/** @typedef {import("./mirrorball/index.js").Subscription} Subscription */

/** Messages kept in the log; the oldest go first. */
const MAX_ROWS = 100;
/** What is listened to at first. */
const FIRST = "/chat/**";

export class Channels {
  #bus = new Bayeux("/cometd");
  #panel = byId("channels", HTMLDetailsElement);
  #status = byId("channels-status");
  #problem = byId("channels-problem");
  #log = byId("channel-log");
  #empty = byId("channel-log-empty");
  #rows;
  /** Subscriptions, and how many messages came since the last reading. @type {Map<string, { subscription: Subscription, came: number }>} */
  #heard = new Map();
  /** @type {BayeuxMessage[]} */
  #waiting = [];
  #redraw;

  /** @param {() => void} redraw asks for a frame */
  constructor(redraw) {
    this.#redraw = redraw;
    this.#rows = new Rows(byId("channel-subscriptions"), (/** @type {string} */ channel) => {
      const { element, part } = fromTemplate("channel-subscription");
      setText(part("name"), channel);
      const button = part("end");
      button.setAttribute("aria-label", `End the subscription to ${channel}`);
      button.addEventListener("click", () => this.#attempt(() => this.#end(channel)));
      return { element, draw: (/** @type {number} */ rate) => setText(part("rate"), `${decimal(rate, 0)}/s`) };
    });
    this.#bus.on("status", ({ state }) => setText(this.#status, state));
    this.#bus.on("subscriptionLost", ({ channel }) => {
      this.#heard.delete(channel);
      this.#list();
    });
    this.#panel.addEventListener("toggle", () => {
      if (this.#panel.open && this.#bus.closed) void this.#attempt(() => this.#begin());
    });
    this.#onSubmit("channel-subscribe", ({ channel }) => this.#subscribe(channel ?? ""));
    this.#onSubmit("channel-publish", async ({ channel, text }, form) => {
      await this.#bus.publish(channel ?? "", { text });
      /** @type {HTMLInputElement} */ (form.elements.namedItem("text")).value = "";
    });
  }

  /** Shows what came since the last frame. */
  draw() {
    if (this.#waiting.length === 0) return;
    const rows = this.#waiting.reverse().map(({ channel, data }) => {
      const { element, part } = fromTemplate("channel-message");
      setText(part("time"), clock(Date.now()));
      setText(part("channel"), channel);
      setText(part("text"), words(data));
      return element;
    });
    this.#waiting = [];
    this.#log.prepend(...rows);
    while (this.#log.childElementCount > MAX_ROWS) this.#log.lastElementChild?.remove();
    this.#empty.hidden = true;
  }

  /** Reads how often messages came; to be called once a second. */
  read() {
    if (!this.#panel.open) return;
    this.#rows.update([...this.#heard].map(([channel, { came }]) => [channel, came]));
    for (const entry of this.#heard.values()) entry.came = 0;
  }

  async #begin() {
    await this.#bus.open();
    await this.#subscribe(FIRST);
  }

  /** @param {string} channel */
  async #subscribe(channel) {
    if (this.#heard.has(channel)) return;
    const subscription = await this.#bus.subscribe(channel, (message) => {
      const entry = this.#heard.get(channel);
      if (entry) entry.came += 1;
      // One that several subscriptions match is shown once.
      if (this.#waiting.at(-1) === message) return;
      this.#waiting = [...this.#waiting, message].slice(-MAX_ROWS);
      this.#redraw();
    });
    this.#heard.set(channel, { subscription, came: 0 });
    this.#list();
  }

  /** @param {string} channel */
  async #end(channel) {
    const entry = this.#heard.get(channel);
    this.#heard.delete(channel);
    this.#list();
    await entry?.subscription.unsubscribe();
  }

  #list() {
    this.#rows.update([...this.#heard.keys()].map((channel) => [channel, 0]));
  }

  /** @param {string} id @param {(fields: Record<string, string>, form: HTMLFormElement) => Promise<void>} submit */
  #onSubmit(id, submit) {
    const form = byId(id, HTMLFormElement);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const fields = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));
      void this.#attempt(() => submit(fields, form));
    });
  }

  /** @param {() => Promise<void>} run */
  async #attempt(run) {
    try {
      await run();
      this.#problem.hidden = true;
    } catch (error) {
      this.#problem.hidden = false;
      setText(this.#problem, describe(error));
    }
  }
}

/** What somebody wrote, or whatever else it is. @param {unknown} data */
function words(data) {
  const { text } = /** @type {{ text?: unknown }} */ (Object(data));
  return typeof text === "string" ? text : (JSON.stringify(data) ?? "");
}
