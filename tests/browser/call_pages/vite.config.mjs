import { fileURLToPath } from "node:url"

const here = fileURLToPath(new URL(".", import.meta.url))
const client = fileURLToPath(new URL("../../../web/src/lib/call/index.ts", import.meta.url))

/** Finds packages where the client finds them; what the client does without is without here too. */
function packagesOfTheClient() {
  const absent = "\0absent:"
  return {
    name: "packages-of-the-client",
    enforce: "pre",
    async resolveId(id, importer, options) {
      if (!/^[@a-z]/.test(id) || id.includes(":")) return undefined
      const own = importer?.startsWith(here) ? client : importer
      return (await this.resolve(id, own, { ...options, skipSelf: true })) ?? absent + id
    },
    load: (id) => (id.startsWith(absent) ? "export {}" : undefined),
  }
}

/** The pages beside this file, over the real modules of the client. */
export default {
  root: here,
  logLevel: "error",
  plugins: [packagesOfTheClient()],
  build: {
    target: "es2022",
    minify: false,
    emptyOutDir: true,
    assetsInlineLimit: 0,
    rollupOptions: { input: [`${here}index.html`, `${here}raw.html`] },
  },
  worker: { format: "es", plugins: () => [packagesOfTheClient()] },
}
