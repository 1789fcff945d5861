// The tests' own hand on a server: requests over a connection of its own, so that what a peer receives does
// not depend on what the same peer can send.

import { once } from "node:events";

import WebSocket from "ws";

export class Driver {
  #socket;
  #waiting = new Map();
  #last = 0;

  static async connect(url) {
    const socket = new WebSocket(url, { maxPayload: 2 ** 30 });
    const driver = new Driver(socket);
    await once(socket, "open");
    return driver;
  }

  constructor(socket) {
    this.#socket = socket;
    let segments = "";
    socket.on("message", (data) => {
      const [header, payload] = [data.toString("latin1", 0, 1), data.toString("utf8", 1)];
      if (header === "2") socket.send(`3${payload}`);
      if (header === "1" || header === "0") segments += payload;
      if (header !== "0") return;
      const message = JSON.parse(segments);
      segments = "";
      if (message.type === "response") this.#settle(message);
    });
    socket.on("close", (code) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`the server closed the driver's connection: ${code}`));
      this.#waiting.clear();
    });
  }

  /** Sends a request; resolves to the answer, and rejects where the server refuses. */
  request(name, data = null) {
    const id = (this.#last += 1);
    this.#socket.send(`0${JSON.stringify({ type: "request", id, name, data })}`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  close() {
    this.#socket.close();
  }

  #settle({ id, success, data }) {
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (success) resolve(data);
    else reject(new Error(`the server refused a request of the driver: ${JSON.stringify(data)}`));
  }
}
