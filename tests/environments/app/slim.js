import { Juggler, provideWasm } from "mirrorball/slim";
import { check } from "./check.js";

provideWasm(fetch("/mirrorball.wasm"));
globalThis.checked = check(Juggler);
