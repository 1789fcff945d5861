// The programs under test: started, watched, and ended with the tests that started them.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** The top of the tree. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** How long a program may take to say that it is ready, or to end. */
const PATIENCE = 20_000;
/** How many lines of a program's log are kept, to be shown where a test fails. */
const LOG_LINES = 200;

const running = new Set();
// However the tests end, their programs end with them.
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")));

/** A running program. */
export class Program {
  /** The address it announced. */
  address = "";
  /** The lines of its standard output. */
  lines;
  #child;
  #ended;
  #log = [];

  /**
   * Starts `command`, with a line `input` where it waits for one, and waits for a line on its standard output that matches
   * `ready`, whose first group is its address.
   */
  static async start(command, parameters, ready, input) {
    const program = new Program(command, parameters);
    if (input !== undefined) program.tell(input);
    const greeting = await program.#line(ready);
    if (greeting === undefined) {
      await program.kill();
      throw new Error(`${command} ${parameters.join(" ")} did not say that it is ready:\n${program.log}`);
    }
    program.address = greeting[1];
    return program;
  }

  constructor(command, parameters) {
    // What the tests are told by the environment is not meant for the programs.
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith("MIRRORBALL_"));
    this.#child = spawn(command, parameters, { cwd: ROOT, env: Object.fromEntries(own), stdio: "pipe" });
    running.add(this.#child);
    this.#ended = new Promise((resolve) => {
      this.#child.on("error", (error) => {
        this.#keep(String(error));
        resolve();
      });
      this.#child.on("exit", () => resolve());
    });
    this.#ended.then(() => running.delete(this.#child));
    createInterface(this.#child.stderr).on("line", (line) => this.#keep(line));
    // Writing to a program that has ended is told by its end.
    this.#child.stdin.on("error", () => undefined);
    this.lines = createInterface(this.#child.stdout);
  }

  /** What it printed last. */
  get log() {
    return this.#log.join("\n");
  }

  /** Resolves when it has ended. */
  get ended() {
    return this.#ended;
  }

  /** Writes a line to its standard input. */
  tell(line) {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Ends it at once, and waits for that. */
  async kill(signal = "SIGKILL") {
    this.#child.kill(signal);
    await this.#ended;
  }

  #keep(line) {
    this.#log = [...this.#log, line].slice(-LOG_LINES);
  }

  /** The first line of its output that matches; nothing where it ends, or takes too long, before. */
  async #line(pattern) {
    const found = new Promise((resolve) => {
      this.lines.on("line", (line) => {
        const match = pattern.exec(line);
        if (match) resolve(match);
      });
    });
    const stop = new AbortController();
    const late = sleep(PATIENCE, undefined, { signal: stop.signal }).catch(() => undefined);
    const match = await Promise.race([found, this.#ended, late]);
    stop.abort();
    return match ?? undefined;
  }
}
