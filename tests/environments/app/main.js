import { Juggler } from "mirrorball";
import { answer, check } from "./check.js";

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
globalThis.checked = Promise.all([check(Juggler), answer(worker)]);
