// @ts-check
/** The whole of a mirrored page in a few lines, with the address of the server it came from. */
import { byId, setText } from "./dom.js";

const COPIED_SHOWN = 2_000;

/** @param {URL} base the page's address */
const lines = (base) => {
  const socket = new URL("/ws", base);
  socket.protocol = base.protocol === "https:" ? "wss:" : "ws:";
  return `import { Juggler } from "${new URL("mirrorball/index.js", base)}";

const host = new Juggler("${socket}");

host.subscribe((state) => {
  document.title = \`\${state.host.name} \${state.cpu.total.toFixed(1)}%\`;
});
host.on("status", ({ state, retries }) => console.log(state, retries));
host.on("notify", ({ name, data }) => console.log(name, data));

await host.ready;
console.log(await host.request("set-period", { milliseconds: 500 }));`;
};

export function snippet() {
  const code = byId("snippet-code");
  const copy = byId("snippet-copy");
  setText(code, lines(new URL(location.href)));
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent ?? "");
      setText(copy, "Copied");
      setTimeout(() => setText(copy, "Copy"), COPIED_SHOWN);
    } catch {
      // There is no clipboard without https or a local address: select it for the visitor to copy.
      getSelection()?.selectAllChildren(code);
    }
  });
}
