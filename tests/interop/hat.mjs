// The public Python implementation, in a process of its own.

import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { Program, ROOT } from "../browser/program.mjs";

const PYTHON = process.env.MIRRORBALL_PYTHON ?? join(ROOT, "target/venv/bin/python");

const start = (script, options) =>
  Program.start(PYTHON, ["-u", fileURLToPath(new URL(script, import.meta.url)), JSON.stringify(options)], /^ready at (\S+)/);

/** A server of hat-juggler; its requests are those of `hat_server.py`. */
export const startHatServer = (options = {}) => start("hat_server.py", options);

/** A client of hat-juggler. */
export class HatClient {
  #program;
  #waiting = new Map();
  #last = 0;

  static async connect(url, options = {}) {
    return new HatClient(await start("hat_client.py", { address: url, ...options }));
  }

  constructor(program) {
    this.#program = program;
    program.lines.on("line", (line) => {
      const { id, ...result } = JSON.parse(line);
      this.#waiting.get(id)(result);
      this.#waiting.delete(id);
    });
    program.ended.then(() => {
      for (const resolve of this.#waiting.values()) resolve({ ended: program.log });
    });
  }

  /** Sends a request: `{ done }`, `{ refused }` with the server's data, or `{ lost: true }`. */
  send(name, data) {
    return this.#ask({ do: "send", name, data });
  }

  /** The state that it holds. */
  async state() {
    return (await this.#ask({ do: "state" })).done;
  }

  /** The notifications that came: names and data. */
  async notifications() {
    return (await this.#ask({ do: "notifications" })).done;
  }

  /** How many segments were sent and received, by their header. */
  async segments() {
    return (await this.#ask({ do: "segments" })).done;
  }

  close() {
    return this.#program.kill();
  }

  #ask(command) {
    const id = (this.#last += 1);
    this.#program.tell(JSON.stringify({ id, ...command }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}
