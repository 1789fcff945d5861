// node import.mjs ENTRY: imports it where there is neither a network nor a page, as a server does that renders
// pages, and prints what it did beyond that.

const did = [];
const forbid = (target, name) => {
  const value = target[name];
  target[name] = function (...parameters) {
    did.push(name);
    return Reflect.apply(value ?? (() => undefined), this, parameters);
  };
};
for (const name of ["fetch", "setTimeout", "setInterval", "addEventListener", "WebSocket", "Worker", "atob"]) {
  forbid(globalThis, name);
}
for (const name of ["compile", "compileStreaming", "instantiate", "instantiateStreaming"]) forbid(WebAssembly, name);

const before = Object.keys(globalThis);
const { Juggler } = await import(process.argv[2]);
did.push(...Object.keys(globalThis).filter((name) => !before.includes(name)));
// That nothing goes on is shown by the end of the process.
console.log(JSON.stringify({ class: typeof Juggler, did }));
