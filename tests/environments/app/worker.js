import { Juggler } from "mirrorball";
import { check } from "./check.js";

// The worker's own address is not always that of a server: a bundler may have made a blob of it.
const address = new URL("/ws", location.origin);
check(Juggler, address).then(postMessage);
