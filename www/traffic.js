// @ts-check
/** What the mirror itself does: rates from the client's counters, and how old a sample is when it arrives. */
import { byId, setText } from "./dom.js";
import { byteRate, count, milliseconds, rate } from "./format.js";
import { Sparkline } from "./sparkline.js";

/**
 * @typedef {import("./host.js").HostState} HostState
 * @typedef {import("./requests.js").Host} Host
 * @typedef {Host["metrics"]} Metrics
 */

/** Rates are means over so many readings (one a second), so that a slow sampling period does not flicker. */
const WINDOW = 5;
/** Readings that the small charts show. */
const HISTORY = 120;
/** The weight of a new measurement in the smoothed latency. */
const SMOOTHING = 0.2;

/** A figure, and the small chart of its past. */
class Figure {
  #value;
  #format;
  #chart;
  /** @type {number[]} */
  #past = [];

  /** @param {string} name @param {(value: number) => string} format */
  constructor(name, format) {
    this.#value = byId(`metric-${name}`);
    this.#format = format;
    this.#chart = new Sparkline(byId(`chart-${name}`, SVGSVGElement));
  }

  /** @param {number} value */
  push(value) {
    this.#past = [...this.#past, Math.max(0, value) || 0].slice(-HISTORY);
    setText(this.#value, this.#format(value));
    this.#chart.draw(this.#past, Math.max(...this.#past));
  }
}

export class Traffic {
  #host;
  /** @type {{ at: number, metrics: Metrics }[]} */
  #readings = [];
  /** @type {{ counter: "diffs" | "bytes" | "operations" | "copies", figure: Figure }[]} */
  #rates = [
    { counter: "diffs", figure: new Figure("diffs", rate) },
    { counter: "bytes", figure: new Figure("bytes", byteRate) },
    { counter: "operations", figure: new Figure("operations", rate) },
    { counter: "copies", figure: new Figure("copies", rate) },
  ];
  #latency = NaN;
  #latencyFigure = new Figure("latency", milliseconds);
  #reconnects = byId("metric-reconnects");
  #count = NaN;
  /** After a (re)connection the first sample is as old as it happens to be: it says nothing of the way here. */
  #first = true;

  /** @param {Host} host */
  constructor(host) {
    this.#host = host;
    host.on("status", ({ state }) => {
      if (state !== "connected") this.#first = true;
    });
  }

  /** A diff was applied; most, not all, bring a new sample. @param {HostState} state */
  arrived({ sample }) {
    if (sample.count === this.#count) return;
    const age = Date.now() - sample.time;
    this.#count = sample.count;
    if (!this.#first) this.#latency = Number.isNaN(this.#latency) ? age : this.#latency + SMOOTHING * (age - this.#latency);
    this.#first = false;
  }

  /** Once a second. */
  read() {
    const { diffs, bytes, operations, copies, reconnects } = this.#host.metrics;
    const reading = { at: performance.now(), metrics: { ...this.#host.metrics } };
    this.#readings = [...this.#readings, reading].slice(-WINDOW - 1);
    const [oldest] = this.#readings;
    const seconds = (reading.at - oldest.at) / 1000;
    if (seconds <= 0) return;
    const now = { diffs, bytes, operations, copies };
    for (const { counter, figure } of this.#rates) figure.push((now[counter] - oldest.metrics[counter]) / seconds);
    this.#latencyFigure.push(this.#latency);
    setText(this.#reconnects, count(reconnects));
  }
}
