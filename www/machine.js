// @ts-check
/** The parts of the page that show one reading each: host, processor, memory, disks, networks, temperatures. */
import { byId, fromTemplate, Rows, setAttribute, setShare, setText, View } from "./dom.js";
import { byteRate, bytes, count, date, decimal, duration, percent, SPACE } from "./format.js";
import { Sparkline } from "./sparkline.js";

/**
 * @typedef {import("./host.js").HostState} HostState
 * @typedef {import("./host.js").Disk} Disk
 * @typedef {import("./host.js").Network} Network
 * @typedef {import("./host.js").Temperature} Temperature
 */

/** The scale of a network's chart is at least this, lest a few bytes look like a flood. */
const QUIETEST_SCALE = 1024;
/** A disk is called nearly full from here on, in percent. */
const NEARLY_FULL = 90;
/** The scale of a temperature whose sensor names no limit, in °C. */
const USUAL_LIMIT = 100;

/**
 * @template V
 * @param {(state: HostState) => V} select
 * @param {(value: V, state: HostState) => void} draw
 */
const view = (select, draw) => new View(select, draw);

export function hostViews() {
  const name = byId("host-name");
  const system = byId("host-system");
  const model = byId("cpu-model");
  const uptime = byId("uptime");
  const booted = byId("booted");
  return [
    view((state) => state.host, (host) => {
      setText(name, host.name);
      setText(system, [host.os, host.kernel].filter(Boolean).join(" · "));
      setText(model, `${host.cpu} · ${count(host.cores)} ${host.cores === 1 ? "core" : "cores"}`);
      setText(booted, `since ${date(host.booted * 1000)}`);
    }),
    view((state) => state.uptime, (seconds) => setText(uptime, duration(seconds))),
  ];
}

export function cpuViews() {
  const total = byId("cpu-total");
  const history = new Sparkline(byId("cpu-history", SVGSVGElement));
  const caption = byId("cpu-caption");
  const load = ["load-1", "load-5", "load-15"].map((id) => byId(id));
  /** @type {Rows<number, number>} */
  const cores = new Rows(byId("core-bars"), (index) => {
    const { element, part } = fromTemplate("core");
    setText(part("name"), String(index));
    const value = part("value");
    return {
      element,
      draw: (used) => {
        setShare(element, used / 100);
        setText(value, percent(used, 0));
      },
    };
  });
  return [
    view((state) => state.cpu.total, (used) => setText(total, decimal(used, 1))),
    view((state) => state.cpu.history, (values) => history.draw(values, 100)),
    view((state) => state.cpu.cores, (used) => cores.update(used.entries())),
    view((state) => state.cpu.load, (averages) => load.forEach((element, index) => setText(element, decimal(averages[index] ?? NaN, 2)))),
    view((state) => state.sample.period, (period) => setText(caption, `newest at the right, a sample every ${period} ms`)),
  ];
}

export function memoryViews() {
  const memoryBar = byId("memory-bar");
  const memoryUsed = byId("memory-used");
  const memoryUnit = byId("memory-unit");
  const memoryAvailable = byId("memory-available");
  const memoryShare = byId("memory-share");
  const memoryHistory = new Sparkline(byId("memory-history", SVGSVGElement));
  const swap = byId("swap");
  const swapBar = byId("swap-bar");
  const swapUsed = byId("swap-used");
  const swapHistory = new Sparkline(byId("swap-history", SVGSVGElement));
  return [
    view((state) => state.memory, ({ used, total, available }) => {
      setShare(memoryBar, used / total);
      const [number, unit = ""] = bytes(used).split(SPACE);
      setText(memoryUsed, number);
      setText(memoryUnit, `${SPACE}${unit} of ${bytes(total)}`);
      setText(memoryAvailable, `${bytes(available)} available`);
      setText(memoryShare, percent((100 * used) / total));
    }),
    view((state) => state.memory.history, (values) => memoryHistory.draw(values, 100)),
    view((state) => state.swap, ({ used, total }) => {
      swap.hidden = !(total > 0);
      setShare(swapBar, used / total);
      setText(swapUsed, total > 0 ? `${bytes(used)} of ${bytes(total)}` : "none");
    }),
    view((state) => state.swap.history, (values) => swapHistory.draw(values, 100)),
  ];
}

export function networkViews() {
  /** @type {Rows<string, Network>} */
  const rows = new Rows(byId("networks"), (name) => {
    const { element, part } = fromTemplate("network");
    const svg = /** @type {SVGSVGElement} */ (/** @type {Element} */ (part("history")));
    const received = new Sparkline(svg, { name: "received", baseline: 50, peak: 0 });
    const sent = new Sparkline(svg, { name: "sent", baseline: 50, peak: 100 });
    setText(part("name"), name);
    setAttribute(svg, "aria-label", `${name}: received above the line, sent below it`);
    return {
      element,
      draw: (network) => {
        const peak = Math.max(QUIETEST_SCALE, ...network.history.received, ...network.history.sent);
        received.draw(network.history.received, peak);
        sent.draw(network.history.sent, peak);
        element.toggleAttribute("data-unused", network.totalReceived + network.totalSent === 0);
        setText(part("received"), byteRate(network.received));
        setText(part("sent"), byteRate(network.sent));
        setText(part("scale"), `scale ${byteRate(peak)}`);
        setText(part("totals"), `${bytes(network.totalReceived)} in, ${bytes(network.totalSent)} out`);
      },
    };
  });
  return [view((state) => state.networks, (networks) => rows.update(Object.entries(networks)))];
}

export function diskViews() {
  /** @type {Rows<string, Disk>} */
  const rows = new Rows(byId("disks"), (mount) => {
    const { element, part } = fromTemplate("disk");
    setText(part("name"), mount);
    return {
      element,
      draw: (disk) => {
        const used = (100 * (disk.total - disk.available)) / disk.total;
        setShare(part("bar"), used / 100);
        setText(part("share"), percent(used, 0));
        setText(part("free"), `${bytes(disk.available)} free of ${bytes(disk.total)}`);
        setText(part("device"), [disk.filesystem, disk.kind === "Unknown" ? "" : disk.kind, disk.device].filter(Boolean).join(" · "));
        part("warning").hidden = !(used >= NEARLY_FULL);
      },
    };
  });
  return [view((state) => state.disks, (disks) => rows.update(Object.entries(disks)))];
}

export function temperatureViews() {
  const panel = byId("temperatures-panel");
  /** @type {Rows<string, Temperature>} */
  const rows = new Rows(byId("temperatures"), (label) => {
    const { element, part } = fromTemplate("temperature");
    setText(part("name"), label);
    return {
      element,
      draw: ({ celsius, max, critical }) => {
        setShare(part("bar"), celsius / (critical ?? max ?? USUAL_LIMIT));
        setText(part("value"), `${decimal(celsius, 1)}${SPACE}°C`);
        const warning = part("warning");
        const level = critical !== null && celsius >= critical ? "critical" : max !== null && celsius >= max ? "hot" : "";
        setText(warning, level);
        warning.hidden = !level;
      },
    };
  });
  return [
    view((state) => state.temperatures, (temperatures) => {
      const entries = Object.entries(temperatures);
      panel.hidden = entries.length === 0;
      rows.update(entries);
    }),
  ];
}
