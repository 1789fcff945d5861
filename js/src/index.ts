/**
 * Live server state in every browser.
 *
 * The WebAssembly modules, one for each protocol, are files beside this entry. Juggler's is loaded when the first client
 * is made, that of Bayeux when the first one is opened.
 * Bundlers that know `new URL(…, import.meta.url)` take them along: Vite, webpack and Parcel do.
 *
 * @packageDocumentation
 */

export * from "./api.js";
export { Bayeux } from "./bayeux.js";
export * from "./bayeux/api.js";
export { Juggler } from "./juggler.js";
