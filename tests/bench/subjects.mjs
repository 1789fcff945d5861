// What is measured: how a message becomes a change of the state that a page holds. Each subject opens a client
// that listens for changes where it `reads`, and gives what a socket calls with each message.

import { Connection } from "@hat-open/juggler";
import fastJsonPatch from "fast-json-patch";
import { Juggler } from "mirrorball";

import { nextSocket } from "./socket.mjs";

/** Where a listener puts what it read, so that reading it is not left out. */
export const seen = { state: null };

/** What one writes around `apply`, which makes the next state of one and a diff, in place. */
const inPlace = (apply) => async (reads) => {
  let state = null;
  const listeners = reads ? [(state) => (seen.state = state)] : [];
  const deliver = ({ data }) => {
    if (data[0] !== "0") throw new Error("segments are not part of this case");
    const message = JSON.parse(data.substring(1));
    if (message.type !== "state") return;
    state = apply(state, message.diff);
    for (const listener of listeners) listener(state);
  };
  return { deliver, state: () => state, close: () => undefined };
};

/** The floor: what one writes by hand for this one case, without a promise to anybody. */
function hand(state, diff) {
  for (const { op, path, value } of diff) {
    if (path === "") {
      state = value;
      continue;
    }
    const tokens = path.split("/");
    const last = tokens.length - 1;
    let place = state;
    for (let index = 1; index < last; index += 1) place = place[unescape(tokens[index])];
    const key = unescape(tokens[last]);
    if (op === "remove") delete place[key];
    else place[key] = value;
  }
  return state;
}

const unescape = (token) => (token.includes("~") ? token.replaceAll("~1", "/").replaceAll("~0", "~") : token);

/** Ours, as an application uses it. */
async function mirrorball(reads) {
  const next = nextSocket();
  const host = new Juggler("ws://bench/ws", { pingDelay: Infinity });
  if (reads) host.subscribe((state) => (seen.state = state));
  const socket = await next;
  socket.open();
  return { deliver: socket.onmessage, state: () => host.state, close: () => host.close() };
}

/** The public client. */
async function hat(reads) {
  const next = nextSocket();
  const connection = new Connection("ws://bench/ws", null);
  if (reads) connection.addEventListener("change", ({ detail }) => (seen.state = detail));
  (await next).open();
  // The method that its listener calls: what it costs to dispatch an event is not the client's doing.
  const deliver = ({ data }) => connection._onMessage(data);
  return { deliver, state: () => connection.state, close: () => connection.close() };
}

export const SUBJECTS = {
  hand: inPlace(hand),
  mirrorball,
  "fast-json-patch": inPlace((state, diff) => fastJsonPatch.applyPatch(state, diff).newDocument),
  "@hat-open/juggler": hat,
};
