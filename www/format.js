// @ts-check
/** Numbers as people read them. Whatever is not a finite number is shown as a dash. */

const NONE = "–";
/** Between a number and its unit: they stay on one line. */
export const SPACE = "\u00a0";
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** `0.42` @param {number} value @param {number} digits */
export const decimal = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : NONE);

/** Three significant digits, never in exponential form. @param {number} value */
function significant(value) {
  const size = Math.abs(value);
  return decimal(value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
}

/** `7.3%` @param {number} value percent @param {number} [digits] */
export const percent = (value, digits = 1) => (Number.isFinite(value) ? `${decimal(value, digits)}%` : NONE);

/** `1.21 GiB` @param {number} value */
export function bytes(value) {
  if (!Number.isFinite(value)) return NONE;
  let unit = 0;
  // 1023.5 would be printed as 1024 of the smaller unit.
  while (Math.abs(value) >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? decimal(value, 0) : significant(value)}${SPACE}${UNITS[unit]}`;
}

/** `1.21 MiB/s` @param {number} value bytes per second */
export const byteRate = (value) => (Number.isFinite(value) ? `${bytes(value)}/s` : NONE);

/** `12.3/s` @param {number} value per second */
export const rate = (value) => (Number.isFinite(value) ? `${value < 99.95 ? decimal(value, 1) : count(value)}/s` : NONE);

/** `12,345` @param {number} value */
export const count = (value) => (Number.isFinite(value) ? grouped.format(value) : NONE);

/** `8.40 ms`, `1.20 s` @param {number} value milliseconds */
export function milliseconds(value) {
  if (!Number.isFinite(value)) return NONE;
  return Math.abs(value) < 999.5 ? `${significant(value)}${SPACE}ms` : `${significant(value / 1000)}${SPACE}s`;
}

/** The two or three units that matter: `12 d 4 h 7 min`, `3 min 20 s` @param {number} seconds */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return NONE;
  const whole = Math.floor(seconds);
  const [d, h, m, s] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  const parts = d ? [[d, "d"], [h, "h"], [m, "min"]] : h ? [[h, "h"], [m, "min"]] : m ? [[m, "min"], [s, "s"]] : [[s, "s"]];
  return parts.map(([value, unit]) => `${value}${SPACE}${unit}`).join(" ");
}

/** `14:03:11` @param {number} epoch milliseconds */
export const clock = (epoch) => (Number.isFinite(epoch) ? time.format(epoch) : NONE);

/** `3 Mar 2025, 14:03` @param {number} epoch milliseconds */
export const date = (epoch) => (Number.isFinite(epoch) ? day.format(epoch) : NONE);
