// @ts-check
/**
 * The dashboard: one mirrored object, and for each part of the page the part of that object it shows.
 * What the mirror did not change is the same reference as before, and is not looked at again.
 */
import { Juggler } from "./mirrorball/index.js";
import { Ball } from "./ball.js";
import { Channels } from "./channels.js";
import { Connection } from "./connection.js";
import { byId, setText, View } from "./dom.js";
import { percent } from "./format.js";
import { Frame } from "./frame.js";
import { cpuViews, diskViews, hostViews, memoryViews, networkViews, temperatureViews } from "./machine.js";
import { Notifications } from "./notifications.js";
import { processViews } from "./processes.js";
import { describe, failButton, periodField, Problem, sender } from "./requests.js";
import { snippet } from "./snippet.js";
import { Traffic } from "./traffic.js";

/**
 * @typedef {import("./host.js").HostState} HostState
 * @typedef {import("./requests.js").Host} Host
 */

/** Between two readings of the client's counters, in milliseconds. */
const READING_PERIOD = 1_000;

/** @type {Host} */
const host = new Juggler("/ws");

const frame = new Frame(draw);
const redraw = () => frame.request();
const problem = new Problem();
const send = sender(host, problem);
const connection = new Connection(host, redraw);
const notifications = new Notifications(host, redraw);
const channels = new Channels(redraw);
const traffic = new Traffic(host);
const ball = new Ball();
const sampleCount = byId("sample-count");

/** @type {View<HostState, any>[]} */
const views = [
  ...hostViews(),
  ...cpuViews(),
  ...memoryViews(),
  ...networkViews(),
  ...diskViews(),
  ...temperatureViews(),
  ...processViews(send),
  new View((state) => state.sample.period, periodField(send)),
  new View((state) => state.sample.count, (count) => {
    setText(sampleCount, String(count));
    ball.turn();
  }),
];

function draw() {
  connection.draw();
  notifications.draw();
  channels.draw();
  const { state } = host;
  if (state) for (const view of views) view.update(state);
}

/** A tab's title is seen while its page is hidden: it is kept up without a frame, once a second. */
function title() {
  const { state, status } = host;
  if (!state) return;
  const { name } = state.host;
  document.title = status.state === "connected" ? `${percent(state.cpu.total, 0)} · ${name}` : `${status.state} · ${name}`;
}

host.subscribe((state) => {
  if (state) traffic.arrived(state);
  redraw();
});
host.on("error", (error) => {
  // What ended the connection is told where its status is.
  if (error !== host.status.lastError) problem.show(describe(error));
});
setInterval(() => {
  title();
  channels.read();
  if (!document.hidden) traffic.read();
}, READING_PERIOD);

failButton(host);
snippet();
redraw();
