// @ts-check
/** The process table, sorted and filtered by the server, and the five largest by processor and by memory. */
import { byId, fromTemplate, Rows, setAttribute, setNumber, setText, View } from "./dom.js";
import { bytes, count, percent } from "./format.js";

/**
 * @typedef {import("./host.js").HostState} HostState
 * @typedef {import("./host.js").Process} Process
 * @typedef {import("./host.js").Processes} Processes
 * @typedef {import("./host.js").Sort} Sort
 * @typedef {import("./requests.js").Send} Send
 */

/** How long the filter waits for another key, in milliseconds. */
const FILTER_DELAY = 200;

/** The columns that sort, and which way they sort first. @type {[Sort, boolean][]} */
const COLUMNS = [["pid", false], ["name", false], ["cpu", true], ["memory", true]];

/** The processes that these pids name; the server sends both in one sample. @param {Processes} processes @param {readonly number[]} pids */
const named = (processes, pids) =>
  pids.flatMap((pid) => {
    const process = processes.table[pid];
    return process ? [/** @type {[number, Process]} */ ([pid, process])] : [];
  });

/** @param {Send} send @returns {View<HostState, any>[]} */
export function processViews(send) {
  const matched = byId("process-count");
  const body = byId("process-rows", HTMLTableSectionElement);
  /** @type {Rows<number, Process>} */
  const rows = new Rows(body, (pid) => {
    const { element, part } = fromTemplate("process");
    setText(part("pid"), String(pid));
    const [name, user, cpu, memory, command] = ["name", "user", "cpu", "memory", "command"].map(part);
    return {
      element,
      draw: (process) => {
        setText(name, process.name);
        setText(user, process.user);
        setText(cpu, percent(process.cpu));
        setText(memory, bytes(process.memory));
        setText(command, process.command);
        setNumber(cpu, "--value", process.cpu);
        setNumber(memory, "--value", process.memory);
        cpu.toggleAttribute("data-idle", process.cpu < 0.05);
        setAttribute(name, "title", process.name);
        setAttribute(command, "title", process.command);
      },
    };
  });
  const sorting = sortButtons(send);
  const filtering = filterField(send);
  return [
    new View((state) => state.processes.view, (view) => {
      sorting(view);
      filtering(view);
    }),
    new View((state) => state.processes, (processes) => {
      setNumber(body, "--largest-memory", processes.table[processes.top.memory[0]]?.memory ?? 0);
      rows.update(named(processes, processes.order));
      const all = processes.matched === processes.total;
      setText(matched, `${count(processes.order.length)} shown, ${all ? "" : `${count(processes.matched)} matching, `}${count(processes.total)} running`);
    }),
    new View((state) => state.processes, topList("top-cpu", (process) => process.cpu, percent, (processes) => processes.top.cpu)),
    new View((state) => state.processes, topList("top-memory", (process) => process.memory, bytes, (processes) => processes.top.memory)),
  ];
}

/** @param {Send} send */
function sortButtons(send) {
  /** @type {Processes["view"] | undefined} */
  let current;
  const columns = COLUMNS.map(([sort, descendingFirst]) => {
    const button = byId(`sort-${sort}`, HTMLButtonElement);
    button.addEventListener("click", () => {
      const descending = current?.sort === sort ? !current.descending : descendingFirst;
      send("set-view", { sort, descending });
    });
    return { sort, header: /** @type {Element} */ (button.closest("th")) };
  });
  /** @param {Processes["view"]} view */
  return (view) => {
    current = view;
    for (const { sort, header } of columns) {
      setAttribute(header, "aria-sort", sort !== view.sort ? "none" : view.descending ? "descending" : "ascending");
    }
  };
}

/** @param {Send} send */
function filterField(send) {
  const field = byId("process-filter", HTMLInputElement);
  let filter = "";
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const show = () => {
    // What is being typed is newer than what the server knows.
    if (waiting === undefined && document.activeElement !== field) field.value = filter;
  };
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    const timer = setTimeout(async () => {
      await send("set-view", { filter: field.value });
      if (waiting === timer) waiting = undefined;
    }, FILTER_DELAY);
    waiting = timer;
  });
  field.addEventListener("blur", show);
  /** @param {Processes["view"]} view */
  return (view) => {
    filter = view.filter;
    show();
  };
}

/**
 * @param {string} id
 * @param {(process: Process) => number} measure
 * @param {(value: number) => string} format
 * @param {(processes: Processes) => readonly number[]} select
 */
function topList(id, measure, format, select) {
  const list = byId(id);
  /** @type {Rows<number, Process>} */
  const rows = new Rows(list, (pid) => {
    const { element, part } = fromTemplate("top-process");
    setText(part("pid"), String(pid));
    return {
      element,
      draw: (process) => {
        setText(part("name"), process.name);
        setText(part("value"), format(measure(process)));
        setNumber(element, "--value", measure(process));
      },
    };
  });
  /** @param {Processes} processes */
  return (processes) => {
    const entries = named(processes, select(processes));
    // The bars are relative to this; a row whose process did not change need not be drawn for it.
    setNumber(list, "--largest", Math.max(...entries.map(([, process]) => measure(process))));
    rows.update(entries);
  };
}
