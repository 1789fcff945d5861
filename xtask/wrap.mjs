// Makes a function of the glue that wasm-bindgen wrote: each call gives an instance of the module a glue of its own, so that
// one that failed can be thrown away whole. Its enumerations stay outside.
//
// node wrap.mjs GLUE.js GLUE.d.ts: rewrites both files.

import { readFileSync, writeFileSync } from "node:fs";

const [gluePath, typesPath] = process.argv.slice(2);

/** Takes what matches out of `text`; there has to be `count` of it, or some. */
function take(text, pattern, what, count) {
  const found = text.match(pattern) ?? [];
  if (count === undefined ? found.length === 0 : found.length !== count) {
    throw new Error(`${what}: ${found.length} found, which is not what wasm-bindgen wrote so far`);
  }
  return [found, text.replace(pattern, "")];
}

function replace(text, pattern, replacement, what) {
  const [, without] = take(text, pattern, what, 1);
  return without === text ? text : text.replace(pattern, () => replacement);
}

const [imports, withoutImports] = take(readFileSync(gluePath, "utf8"), /^import .*$/gm, "imports");
const [enumerations, withoutEnumerations] = take(
  withoutImports,
  /^export const \w+ = Object\.freeze\(\{$[^]*?^\}\);$/gm,
  "enumerations",
);
let [, glue] = take(withoutEnumerations, /^export \{ initSync, __wbg_init as default \};$/gm, "exports", 1);
// The package loads the module itself.
for (const name of ["__wbg_load", "initSync", "__wbg_init", "__wbg_init_once"]) {
  [, glue] = take(glue, new RegExp(`^(async )?function ${name}\\(.*$[^]*?^\\}$`, "gm"), name, 1);
}
glue = replace(glue, /wasm = instance\.exports;/g, "wasm = guard(instance.exports);", "the instance's exports");
const classes = [...glue.matchAll(/^export class (\w+) /gm)].map(([, name]) => name);
glue = glue.replace(/^export class /gm, "class ");
if (/^export /m.test(glue)) throw new Error(`${gluePath} exports more than was known of`);
writeFileSync(
  gluePath,
  `${imports.join("\n")}
${enumerations.join("\n")}
export function instantiate(guard) {
${glue}
return { ${classes.join(", ")}, imports: __wbg_get_imports, finish: __wbg_finalize_init };
}
`,
);

let types = readFileSync(typesPath, "utf8");
const loading = /^export (type (Sync)?InitInput|interface InitOutput|function initSync|default function __wbg_init)\b/m;
const [before] = types.split(loading, 1);
types = before.replace(/^export class /gm, "declare class ");
writeFileSync(
  typesPath,
  `${types}
export type { ${classes.join(", ")} };

/** What one instance of the module offers, once it was made with \`imports\` and passed to \`finish\`. */
export interface Glue {
${classes.map((name) => `    ${name}: typeof ${name};`).join("\n")}
    imports(): WebAssembly.Imports;
    finish(instance: WebAssembly.Instance): void;
}

/** A glue of its own; what the instance exports is used as \`guard\` returns it. */
export function instantiate(guard: (exports: WebAssembly.Exports) => WebAssembly.Exports): Glue;
`,
);
