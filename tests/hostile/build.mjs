/**
 * Builds pages of the client with a check taken out, for these tests only: the client itself knows no such switch.
 *
 * Argument: { config, out, cuts: [{ file, saying, instead }] }. In `file` (below web/src) the text `saying`,
 * which must stand there once, is replaced. What only reads PDF is left out, and names stay as they are: it is quicker.
 */
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"

const web = new URL("../../web/", import.meta.url)
const vite = createRequire(new URL("package.json", web)).resolve("vite/package.json")
const { build } = await import(new URL("dist/node/index.js", pathToFileURL(vite)).href)

const absent = "\0careseal-tests:absent"

function cutting(cuts, done) {
  return {
    name: "careseal-tests:cut",
    enforce: "pre",
    resolveId: (id) => (id.startsWith("pdfjs-dist") ? absent : undefined),
    load: (id) => (id === absent ? "export const getDocument = 0, PDFWorker = 0, version = ''" : undefined),
    transform(code, id) {
      const here = cuts.filter(({ file }) => id.split("?")[0].endsWith(`/web/src/${file}`))
      for (const { file, saying, instead } of here) {
        if (code.split(saying).length !== 2) throw new Error(`${file} does not say once: ${saying}`)
        code = code.replace(saying, () => instead)
        done.add(saying)
      }
      return here.length > 0 ? { code, map: null } : undefined
    },
  }
}

const { config, out, cuts } = JSON.parse(process.argv[2])
const done = new Set()
const plugins = () => [cutting(cuts, done)]
await build({
  configFile: config,
  logLevel: "error",
  plugins: plugins(),
  worker: { plugins },
  build: { outDir: out, emptyOutDir: true, minify: false },
})
for (const { file, saying } of cuts) if (!done.has(saying)) throw new Error(`${file} is not in the build: ${saying}`)
