// What eslint checks: the package's TypeScript with types and at its strictest, and the plain
// JavaScript of the dashboard, the tests and the tasks for mistakes. Run from the top of the tree:
// eslint --config js/eslint.config.js client-wasm/src js tests www xtask

import js from "@eslint/js";
import globals from "globals";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  {
    ignores: ["**/node_modules/", "js/dist/", "target/", "www/mirrorball/"],
  },
  {
    linterOptions: { reportUnusedDisableDirectives: "error" },
  },
  {
    files: ["js/src/**/*.ts"],
    extends: [
      js.configs.recommended,
      tseslint.configs.strictTypeChecked,
      tseslint.configs.stylisticTypeChecked,
    ],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/consistent-type-exports": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      eqeqeq: "error",
      "no-console": "error",
    },
  },
  {
    // The console is what it is for.
    files: ["js/src/debug.ts"],
    rules: { "no-console": "off" },
  },
  {
    files: ["**/*.{js,mjs}"],
    extends: [js.configs.recommended],
    rules: { eqeqeq: ["error", "always", { null: "ignore" }], "no-var": "error", "prefer-const": "error" },
  },
  {
    files: ["client-wasm/src/**/*.js", "www/**/*.js"],
    languageOptions: { globals: globals.browser },
  },
  {
    // Tests hand functions to a page, where they run as the browser's.
    files: ["tests/**/*.{js,mjs}"],
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
  },
  {
    files: ["js/*.js", "xtask/**/*.mjs"],
    languageOptions: { globals: globals.node },
  },
);
