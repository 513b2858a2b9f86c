import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["build/", "checkpoints/", "shared/", ".venv/", "data/"] },
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
    languageOptions: { globals: globals.browser },
  },
  // Tests run in Node; only what both have is there without an import.
  { files: ["**/*.test.js"], languageOptions: { globals: globals["shared-node-browser"] } },
];
