// Servers of ours, as the program `fixture` starts them.

import { join } from "node:path";

import { Program, ROOT } from "../browser/program.mjs";

const FIXTURE = process.env.MIRRORBALL_FIXTURE_BIN ?? join(ROOT, "target/debug/fixture");

export class Fixture {
  #controller;

  static async open() {
    // Any free port: the default one may be another run's.
    return new Fixture(await Program.start(FIXTURE, ["0"], /^fixture listening on (http:\/\/\S+)/));
  }

  constructor(controller) {
    this.#controller = controller;
  }

  /** Starts a server: `plan` is explained in `tests/src/plan.rs`. */
  async start(plan) {
    const { url } = await this.#post("/servers", plan);
    return { url };
  }

  /** Ends the controller, and with it all servers. */
  close() {
    return this.#controller.kill("SIGTERM");
  }

  async #post(path, data) {
    const answer = await fetch(this.#controller.address + path, { method: "POST", body: JSON.stringify(data) });
    if (!answer.ok) throw new Error(`the fixture says ${answer.status} to ${path}: ${await answer.text()}`);
    return answer.json();
  }
}
