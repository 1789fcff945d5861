// The suite, as it runs in node and in a page.

import { SUBJECTS } from "./subjects.mjs";

const ROWS = [100, 1_000, 10_000, 100_000];
const OPERATIONS = [1, 100];

/** Subjects take turns so many times; the median of their times is what counts. */
const ROUNDS = 9;
/** A turn takes about this long, in milliseconds: clocks in pages may be as coarse as 0.1 ms. */
const TURN = 25;
/** How long a subject may warm up, in milliseconds, and with how many messages at most. */
const WARM_UP = 300;
const MESSAGES = 2_000;
/** Messages of which the longest is looked for, in so many runs: the machine may be busy in one of them. */
const LONG_RUN = 20_000;
const LONG_RUNS = 3;

/** SplitMix32. */
function random(seed) {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) % bound;
  };
}

/** A text as a socket delivers it: in one piece, unlike one that was put together here. */
const flat = (text) => new TextDecoder().decode(new TextEncoder().encode(text));
const message = (diff) => ({ data: flat(`0${JSON.stringify({ type: "state", diff })}`) });

function initial(rows) {
  const entries = Array.from({ length: rows }, (_, index) => [`k${index}`, { v: 1, name: `row number ${index}` }]);
  return message([{ op: "replace", path: "", value: { rows: Object.fromEntries(entries) } }]);
}

function changes(rows, operations) {
  const below = random(rows + operations);
  const operation = () => ({ op: "replace", path: `/rows/k${below(rows)}/v`, value: below(1_000_000) / 1_000 });
  return Array.from({ length: MESSAGES }, () => message(Array.from({ length: operations }, operation)));
}

function median(values) {
  const sorted = [...values].sort((one, two) => one - two);
  return sorted[Math.floor(sorted.length / 2)];
}

/** One subject in one case. */
class Runner {
  #client;
  #messages;
  #next = 0;
  /** Messages a turn. */
  #turn = 1;
  times = [];

  static async open(subject, reads, first, messages) {
    const client = await SUBJECTS[subject](reads);
    client.deliver(first);
    return new Runner(client, messages);
  }

  constructor(client, messages) {
    this.#client = client;
    this.#messages = messages;
  }

  get state() {
    return this.#client.state();
  }

  /** Delivers `count` messages; returns the milliseconds that it took. */
  deliver(count) {
    const messages = this.#messages;
    const client = this.#client;
    let next = this.#next;
    const began = performance.now();
    for (let left = count; left > 0; left -= 1) {
      client.deliver(messages[next]);
      next = next + 1 === messages.length ? 0 : next + 1;
    }
    const took = performance.now() - began;
    this.#next = next;
    return took;
  }

  /** Has the engine compile what it will, and finds out how many messages a turn takes. */
  warmUp() {
    let count = 1;
    for (let spent = 0; spent < WARM_UP; ) {
      const took = this.deliver(count);
      spent += took;
      this.#turn = Math.max(1, Math.round((TURN * count) / Math.max(took, 0.1)));
      count = Math.min(this.#turn, 4 * count);
    }
  }

  measure() {
    this.times.push(this.deliver(this.#turn) / this.#turn);
  }

  close() {
    this.#client.close();
  }
}

/** Runs everything, or the cases whose name is one of those `only` wants, and calls `report` with each measurement. */
export async function run(suite, report, only = () => true) {
  for (const operations of OPERATIONS) {
    for (const rows of ROWS) {
      const first = initial(rows);
      const messages = changes(rows, operations);
      for (const reads of [false, true]) {
        const name = `${operations} op of ${rows} rows, read ${reads ? "each time" : "never"}`;
        if (!only(name)) continue;
        const runners = new Map();
        for (const subject of Object.keys(SUBJECTS)) runners.set(subject, await Runner.open(subject, reads, first, messages));
        expectAgreement(name, runners);
        for (const runner of runners.values()) runner.warmUp();
        const order = [...runners.values()];
        for (let round = 0; round < ROUNDS; round += 1) {
          for (const runner of order) runner.measure();
          order.push(order.shift());
        }
        for (const [subject, runner] of runners) {
          runner.close();
          report({ suite, case: name, subject, value: (median(runner.times) / operations) * 1_000, unit: "µs" });
        }
        // Timers that a client is done with, and a page's heartbeat.
        await new Promise((resolve) => setTimeout(resolve));
      }
    }
  }
  if (only("longest")) await longest(suite, report);
}

/**
 * The longest that one message of many takes: whoever puts work off has to do it some time. The public client
 * is left out, since each of its messages takes longer than all of the others' together.
 */
async function longest(suite, report) {
  const rows = ROWS.at(-1);
  const messages = changes(rows, 1);
  for (const subject of ["hand", "mirrorball"]) {
    const runner = await Runner.open(subject, false, initial(rows), messages);
    runner.warmUp();
    const longest = () => Math.max(...Array.from({ length: LONG_RUN }, () => runner.deliver(1)));
    const value = Math.min(...Array.from({ length: LONG_RUNS }, longest));
    runner.close();
    report({ suite: `${suite}, longest of ${LONG_RUN} messages`, case: `1 op of ${rows} rows, read never`, subject, value, unit: "ms" });
  }
}

/** A subject that does less than the others is not faster: all have to come to the same state. */
function expectAgreement(name, runners) {
  const states = [...runners].map(([subject, runner]) => {
    runner.deliver(10);
    return [subject, JSON.stringify(runner.state)];
  });
  for (const [subject, state] of states) {
    if (state !== states[0][1]) throw new Error(`${name}: ${subject} does not hold the state that ${states[0][0]} holds`);
  }
}
