// @ts-check
/** Dark or light: what the visitor chose, else what the system prefers. */
import { byId, setText } from "./dom.js";

const KEY = "mirrorball.theme";
const root = document.documentElement;
const light = matchMedia("(prefers-color-scheme: light)");
const name = byId("theme-name");

/** @type {string | null} */
let chosen = null;
try {
  chosen = localStorage.getItem(KEY);
} catch {
  // Storage may be forbidden; then a choice lasts as long as the page.
}

function apply() {
  const theme = chosen === "dark" || chosen === "light" ? chosen : light.matches ? "light" : "dark";
  root.dataset.theme = theme;
  setText(name, theme === "dark" ? "Light" : "Dark");
}

byId("theme").addEventListener("click", () => {
  chosen = root.dataset.theme === "dark" ? "light" : "dark";
  apply();
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // As above.
  }
});

light.addEventListener("change", apply);
addEventListener("storage", (event) => {
  if (event.key !== KEY) return;
  chosen = event.newValue;
  apply();
});
apply();
