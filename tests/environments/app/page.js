import { Juggler } from "mirrorball";
import { check } from "./check.js";

globalThis.checked = check(Juggler);
