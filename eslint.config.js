import js from "@eslint/js";
import globals from "globals";

export default [
  // static/ holds what assets.py joins; the others hold no code of ours.
  { ignores: ["static/", "checkpoints/", "shared/", ".venv/", "data/"] },
  {
    ...js.configs.recommended,
    languageOptions: { ecmaVersion: 2022, sourceType: "module" },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      ...js.configs.recommended.rules,
      "no-unused-vars": ["error", { args: "all", argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      eqeqeq: "error",
      "prefer-const": "error",
      "no-var": "error",
      "no-implicit-globals": "error",
      "no-shadow": "error",
    },
  },
  {
    files: ["pages/**/*.js"],
    languageOptions: {
      // The two constants are put before the joined files by assets.py.
      globals: { ...globals.browser, COMPONENT_NAME: "readonly", COMPONENT_CSS: "readonly" },
    },
  },
  // Tests run in Node; only what both have is there without an import.
  { files: ["**/*.test.js"], languageOptions: { globals: globals["shared-node-browser"] } },
];
