import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: [".*/"] }, // environments and caches have scripts of others
  js.configs.recommended,
  {
    files: ["tests/js/**/*.js"],
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: { ...globals.node, document: "readonly", location: "writable" } },
    rules: {
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "max-len": ["error", { code: 120, ignoreUrls: true }],
      "max-lines": ["error", 420],
    },
  },
  {
    files: ["orderfox_nb/widgets/**/*.js", "orderfox_nb/server/templates/*.js", "orderfox_nb/server/api_docs/*.js", "orderfox_nb/labextension/static/*.js", "tests/examples/**/*.js"],
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: globals.browser },
    rules: {
      eqeqeq: "error",
      "no-var": "error",
      "prefer-const": "error",
      "max-len": ["error", { code: 120, ignoreUrls: true }],
      "max-lines": ["error", 420],
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Text from the venue or the user goes through textContent." },
        { property: "outerHTML", message: "Text from the venue or the user goes through textContent." },
        { property: "insertAdjacentHTML", message: "Text from the venue or the user goes through textContent." },
        { property: "save_changes", message: "saveChanges() of kernel.js: a page that is being left has no connection." },
      ],
    },
  },
];
