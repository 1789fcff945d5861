// Our native client, in a process of its own.

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

import WebSocket, { WebSocketServer } from "ws";

import { Program, ROOT } from "../browser/program.mjs";

const BINARIES = dirname(process.env.MIRRORBALL_FIXTURE_BIN ?? join(ROOT, "target/debug/fixture"));

export class NativeClient {
  #program;
  #waiting = new Map();
  #last = 0;

  /** A client that is connected; its options are in `tests/src/bin/native.rs`. */
  static async connect(t, address, options = {}) {
    const parameters = [JSON.stringify({ address, ...options })];
    const client = new NativeClient(await Program.start(join(BINARIES, "native"), parameters, /^ready at (\S+)/));
    t.after(() => client.#program.kill());
    return client;
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

  /** Sends a request: `{ done }`, `{ refused }` with the server's data, or `{ failed }` in words. */
  send(name, data, timeout) {
    return this.#ask({ do: "send", name, data, timeout });
  }

  /** The state that it holds. */
  async state() {
    return (await this.#ask({ do: "state" })).done;
  }

  /** Where it is in its life: `state`, `retries`, `error`. */
  async status() {
    return (await this.#ask({ do: "status" })).done;
  }

  /** The notifications that came, names and data; a gap is a text. */
  async notifications() {
    return (await this.#ask({ do: "notifications" })).done;
  }

  /** Leaves the connection for another. */
  reconnect() {
    return this.#ask({ do: "reconnect" });
  }

  #ask(command) {
    const id = (this.#last += 1);
    this.#program.tell(JSON.stringify({ id, ...command }));
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }
}

/** Stands between a client and a server, and counts the segments that pass, by their header. */
export async function openTap(t, address) {
  const segments = { sent: {}, received: {} };
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, maxPayload: 2 ** 30 });
  server.on("connection", (client) => {
    const upstream = new WebSocket(address, { maxPayload: 2 ** 30 });
    const early = [];
    const relay = (from, to, counts) => {
      from.on("message", (data) => {
        const text = data.toString();
        counts[text[0]] = (counts[text[0]] ?? 0) + 1;
        if (to.readyState === WebSocket.CONNECTING) early.push(text);
        else to.send(text);
      });
      from.on("close", () => to.close());
      from.on("error", () => to.terminate());
    };
    upstream.on("open", () => early.forEach((text) => upstream.send(text)));
    relay(client, upstream, segments.sent);
    relay(upstream, client, segments.received);
  });
  await new Promise((resolve) => server.on("listening", resolve));
  t.after(() => {
    server.clients.forEach((client) => client.terminate());
    server.close();
  });
  return { address: `ws://127.0.0.1:${server.address().port}/ws`, segments };
}

/** A certificate for `localhost`, signed by itself: its files, with those of its key, and its text. */
export async function makeIdentity(t) {
  const folder = await mkdtemp(join(tmpdir(), "mirrorball-"));
  t.after(() => rm(folder, { recursive: true }));
  const [certificate, key] = [join(folder, "certificate.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"];
  const what = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  // It is what hat-juggler checks passwords with, too.
  await promisify(execFile)("openssl", ["req", ...what, ...subject, "-keyout", key, "-out", certificate]);
  return { files: [certificate, key], text: await readFile(certificate, "utf8") };
}
