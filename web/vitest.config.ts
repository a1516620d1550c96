import { defineConfig } from "vitest/config"

// A test of a component asks for a document in its first line: // @vitest-environment happy-dom
export default defineConfig({
  test: {
    include: ["src/**/*.test.{ts,tsx}"],
    environment: "node",
    passWithNoTests: true,
    restoreMocks: true,
    testTimeout: 30_000,
  },
})
