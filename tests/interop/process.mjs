// Programs at the tests' command: one JSON object a line in, one a line out.

import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { Program, ROOT } from "../browser/program.mjs";

const READY = /^ready at (\S+)/;
export const PYTHON = process.env.MIRRORBALL_PYTHON ?? join(ROOT, "target/venv/bin/python");
export const FIXTURE = process.env.MIRRORBALL_FIXTURE_BIN ?? join(ROOT, "target/debug/fixture");

/** Starts a script of this folder, and waits for it to be ready. */
export const startPython = (script, options) =>
  Program.start(PYTHON, ["-u", fileURLToPath(new URL(script, import.meta.url)), JSON.stringify(options)], READY);

/** Starts our native client, and waits for it to be connected. */
export const startNative = (options) => Program.start(join(dirname(FIXTURE), "native"), [JSON.stringify(options)], READY);

/** Starts the controller of our servers, on any free port: the default one may be another run's. */
export const startFixture = () => Program.start(FIXTURE, ["0"], /^fixture listening on (http:\/\/\S+)/);

/** A program that answers. */
export class Remote {
  #program;
  #waiting = new Map();
  #last = 0;

  constructor(t, program) {
    this.#program = program;
    t.after(() => program.kill());
    program.lines.on("line", (line) => {
      const { id, ...result } = JSON.parse(line);
      this.#waiting.get(id)(result);
      this.#waiting.delete(id);
    });
    program.ended.then(() => {
      for (const resolve of this.#waiting.values()) resolve({ ended: program.log });
    });
  }

  /** Has it carry out `command`, and resolves to its answer. */
  ask(command) {
    const id = (this.#last += 1);
    this.#program.tell(JSON.stringify({ id, ...command }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}

/** A client in a process of its own. */
export class RemoteClient extends Remote {
  /** Sends a request: `{ done }`, `{ refused }` with the server's data, or `{ lost }`. */
  send(name, data, timeout) {
    return this.ask({ do: "send", name, data, timeout });
  }

  /** The state that it holds. */
  async state() {
    return (await this.ask({ do: "state" })).done;
  }

  /** The notifications that came: names and data. */
  async notifications() {
    return (await this.ask({ do: "notifications" })).done;
  }

  /** Where it is in its life, of a client of ours: `state`, and `error` in words. */
  async status() {
    return (await this.ask({ do: "status" })).done;
  }
}
