// @ts-check
/** What the page asks of the server, and how it says that the answer was no. */
import { RemoteError } from "./mirrorball/index.js";
import { byId, setText } from "./dom.js";
import { milliseconds } from "./format.js";

/**
 * @typedef {import("./host.js").HostState} HostState
 * @typedef {import("./host.js").HostApi} HostApi
 * @typedef {import("./mirrorball/index.js").Juggler<HostState, HostApi>} Host
 */

/**
 * Sends a request, shows its failure if it fails, and tells whether it was answered. Never rejects.
 * @typedef {<N extends keyof HostApi>(name: N, data: Parameters<HostApi[N]>[0]) => Promise<boolean>} Send
 */

/** How long a failure stays on the page, in milliseconds. */
const PROBLEM_SHOWN = 10_000;

/** `demo-failure: it was asked to fail` @param {unknown} error */
export function describe(error) {
  // A server may reject with any JSON; ours does with a code and a message.
  const data = error instanceof RemoteError ? error.data : error;
  const { code, message } = /** @type {{ code?: unknown, message?: unknown }} */ (Object(data));
  if (typeof message === "string") return typeof code === "string" ? `${code}: ${message}` : message;
  return error instanceof RemoteError ? `${error.message}: ${JSON.stringify(data)}` : String(error);
}

/** The line above the panels that says what went wrong, until it is dismissed or has been there for a while. */
export class Problem {
  #line = byId("problem");
  #text = byId("problem-text");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #hiding;

  constructor() {
    byId("problem-dismiss").addEventListener("click", () => this.hide());
  }

  /** @param {string} text */
  show(text) {
    this.#line.hidden = false;
    setText(this.#text, text);
    clearTimeout(this.#hiding);
    this.#hiding = setTimeout(() => this.hide(), PROBLEM_SHOWN);
  }

  hide() {
    clearTimeout(this.#hiding);
    this.#line.hidden = true;
  }
}

/** @param {Host} host @param {Problem} problem @returns {Send} */
export const sender = (host, problem) => async (name, data) => {
  try {
    await host.request(name, data);
    problem.hide();
    return true;
  } catch (error) {
    problem.show(`The request ${name} failed. ${describe(error)}`);
    return false;
  }
};

/** The choice of sampling periods: what it shows is what the server does. @param {Send} send */
export function periodField(send) {
  const field = byId("period", HTMLSelectElement);
  let current = NaN;
  const show = () => {
    const value = String(current);
    if (![...field.options].some((option) => option.value === value)) field.add(new Option(milliseconds(current), value));
    field.value = value;
  };
  field.addEventListener("change", async () => {
    // The answer may precede the sample that shows the new period: only a refusal goes back.
    if (!(await send("set-period", { milliseconds: Number(field.value) }))) show();
  });
  /** @param {number} period */
  return (period) => {
    current = period;
    show();
  };
}

/** The button whose request the server refuses. @param {Host} host */
export function failButton(host) {
  const result = byId("fail-result");
  byId("fail").addEventListener("click", async () => {
    const asked = performance.now();
    setText(result, "asked…");
    try {
      await host.request("fail", null);
      setText(result, "the server did not refuse");
    } catch (error) {
      const kind = error instanceof Error ? error.constructor.name : "error";
      setText(result, `${kind}, after ${milliseconds(performance.now() - asked)}. ${describe(error)}`);
    }
  });
}
