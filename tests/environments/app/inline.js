import { Juggler } from "mirrorball/inline";
import { check } from "./check.js";

globalThis.checked = check(Juggler);
