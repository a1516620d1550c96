/** Builds the interface over a play (src/app/demo), to be looked through without a server. */
import { defineConfig } from "vite"

export default defineConfig({
  build: {
    emptyOutDir: true,
    target: "es2022",
    reportCompressedSize: false,
    rolldownOptions: { input: "src/app/demo/index.html" },
  },
})
