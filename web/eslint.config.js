import js from "@eslint/js"
import { defineConfig } from "eslint/config"
import globals from "globals"
import tseslint from "typescript-eslint"

/** What a room may not import (docs/architecture.md): patterns over the path as written in the import. */
function room(name, files, forbidden) {
  return {
    name: `careseal/${name}`,
    files,
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: forbidden.map(({ regex, message }) => ({ regex, message: `${name}: ${message}` })) },
      ],
    },
  }
}

const sealedInside = {
  regex: "encryption/(?!e2ee(\\.ts)?$)",
  message: "import sealing from lib/encryption/e2ee only",
}
const framesInside = {
  regex: "encryption/(?!(e2ee|frame)(\\.ts)?$)",
  message: "import sealing from lib/encryption/e2ee, and in the frame worker from lib/encryption/frame",
}
const not = (rooms) => ({
  regex: `^\\.\\./(.*/)?(${rooms.join("|")})(/|$)`,
  message: `must not import ${rooms.join(", ")}`,
})
const nothingOutside = {
  regex: "^\\.\\./(?!.*\\.json$)",
  message: "imports nothing else of ours",
}

export default defineConfig(
  { ignores: ["node_modules", "dist"] },
  js.configs.recommended,
  {
    files: ["**/*.{ts,tsx}"],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      globals: globals.browser,
      parserOptions: {
        project: ["tsconfig.json", "tsconfig.worker.json"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      "@typescript-eslint/consistent-type-definitions": "off",
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      eqeqeq: "error",
      "no-console": "error",
      // Trusted Types would refuse these at run time; say so earlier.
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "Render it with Preact." },
        { property: "outerHTML", message: "Render it with Preact." },
        { property: "insertAdjacentHTML", message: "Render it with Preact." },
      ],
      "no-restricted-syntax": [
        "error",
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: "Markup from strings is not allowed here.",
        },
      ],
    },
  },
  {
    files: ["**/*.test.{ts,tsx}"],
    rules: { "@typescript-eslint/no-non-null-assertion": "off" },
  },
  room("lib/encryption", ["src/lib/encryption/**"], [nothingOutside]),
  room("lib/content", ["src/lib/content/**"], [nothingOutside]),
  room("lib/session", ["src/lib/session/**"], [sealedInside, not(["app", "components", "call"])]),
  room("lib/call", ["src/lib/call/**"], [framesInside, not(["app", "components"])]),
  room("i18n", ["src/i18n/**"], [not(["app", "components", "encryption", "session", "call"])]),
  room("components", ["src/components/**"], [not(["app", "encryption"])]),
  room("app", ["src/app/**"], [sealedInside]),
)
