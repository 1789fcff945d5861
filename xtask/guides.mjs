// Lays out the code of the guides, and the type tests, in target/guides/, to be checked by tsc against the package as it is
// published. What is in other languages than TypeScript is compiled here.
//
// The `ts` blocks of a guide are modules; one that does not begin with an import goes on with the one before. Lines have
// the same numbers as in the guide.

import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const GUIDES = join(ROOT, "docs/guides");
const TYPES = join(ROOT, "tests/types");
const TARGET = join(ROOT, "target/guides");
/** The packages that guides may import, and where they are. */
const PACKAGES = {
  mirrorball: "js",
  "@types/react": "js/node_modules/@types/react",
  react: "js/node_modules/react",
  "solid-js": "js/node_modules/solid-js",
  svelte: "js/node_modules/svelte",
  vue: "js/node_modules/vue",
};

const require = createRequire(join(ROOT, "js/package.json"));

/** How the languages are checked that tsc does not know. */
const COMPILERS = {
  svelte: (code) => require("svelte/compiler").compile(code, { generate: "client" }),
  vue(code) {
    const { compileScript, compileTemplate, parse } = require("vue/compiler-sfc");
    const { descriptor, errors } = parse(code);
    if (errors.length > 0) throw errors[0];
    const { bindings } = compileScript(descriptor, { id: "guide" });
    const template = compileTemplate({
      source: descriptor.template.content,
      filename: "guide.vue",
      id: "guide",
      compilerOptions: { bindingMetadata: bindings },
    });
    if (template.errors.length > 0) throw template.errors[0];
  },
};

rmSync(TARGET, { recursive: true, force: true });
mkdirSync(TARGET, { recursive: true });
for (const [name, path] of Object.entries(PACKAGES)) {
  const link = join(TARGET, "node_modules", name);
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(join(ROOT, path), link);
}

let count = 0;
for (const guide of readdirSync(GUIDES).filter((name) => name.endsWith(".md"))) {
  const modules = [];
  for (const { language, line, code } of blocks(readFileSync(join(GUIDES, guide), "utf8"))) {
    count += 1;
    if (language === "ts" || language === "tsx") {
      let module = modules.at(-1);
      if (module === undefined || module.language !== language || /^(import|\/\*\* @jsx)/.test(code)) {
        module = { language, text: "" };
        modules.push(module);
      }
      const lines = module.text.split("\n").length;
      module.text += "\n".repeat(line - lines) + code;
    } else if (Object.hasOwn(COMPILERS, language)) {
      try {
        COMPILERS[language](code);
      } catch (error) {
        console.error(`docs/guides/${guide}:${line}: ${error.message}`);
        process.exitCode = 1;
      }
    } else if (!["html", "js", "json", "sh", "text"].includes(language)) {
      console.error(`docs/guides/${guide}:${line}: nobody checks code in "${language}"`);
      process.exitCode = 1;
    }
  }
  for (const [index, { language, text }] of modules.entries()) {
    // A module even where it imports nothing.
    writeFileSync(join(TARGET, `${guide}.${index + 1}.${language}`), `${text}\nexport {};\n`);
  }
}
for (const name of readdirSync(TYPES)) {
  writeFileSync(join(TARGET, name), readFileSync(join(TYPES, name)));
}
const compilerOptions = {
  exactOptionalPropertyTypes: true,
  jsx: "react-jsx",
  lib: ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable", "ESNext.Disposable"],
  module: "ESNext",
  moduleResolution: "bundler",
  noEmit: true,
  strict: true,
  target: "ES2022",
  types: [],
};
writeFileSync(join(TARGET, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.ts", "*.tsx"] }));
console.log(`${count} blocks of code in docs/guides/`);

/** The code blocks of a Markdown text, each with its language and the number of its first line. */
function* blocks(text) {
  let block;
  for (const [index, line] of text.split("\n").entries()) {
    const fence = /^```(\w*)/.exec(line);
    if (fence && block) {
      yield { ...block, code: block.lines.join("\n") };
      block = undefined;
    } else if (fence) {
      block = { language: fence[1], line: index + 2, lines: [] };
    } else {
      block?.lines.push(line);
    }
  }
}
