import { createHash } from "node:crypto"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { brotliCompressSync } from "node:zlib"
import { defineConfig, type Plugin } from "vite"

/** Suites that ts-mls can load on demand and that careseal, which has one suite, never does. */
const otherSuites = new Set([
  "@hpke/chacha20poly1305",
  "@hpke/dhkem-x448",
  "@hpke/ml-kem",
  "@noble/ciphers/chacha.js",
  "@noble/curves/ed448.js",
  "@noble/curves/nist.js",
  "@noble/post-quantum/ml-dsa.js",
])

/** Bundles an empty module for each, so that ts-mls answers with its DependencyError. */
function oneSuite(): Plugin {
  const absent = "\0absent:"
  return {
    name: "careseal:one-suite",
    enforce: "pre",
    resolveId: (id) => (otherSuites.has(id) ? absent + id : undefined),
    load: (id) => (id.startsWith(absent) ? "export {}" : undefined),
  }
}

/** What the PDF worker loads for scans (JPEG 2000, JBIG2), under the names that it asks for. */
function pdfDecoders(): Plugin {
  const home = new URL("node_modules/pdfjs-dist/", import.meta.url)
  return {
    name: "careseal:pdf-decoders",
    apply: "build",
    generateBundle() {
      const { version } = JSON.parse(readFileSync(new URL("package.json", home), "utf8")) as { version: string }
      for (const name of ["jbig2_nowasm_fallback.js", "openjpeg_nowasm_fallback.js"])
        this.emitFile({
          type: "asset",
          fileName: `assets/pdf-${version}/${name}`,
          source: readFileSync(new URL(`wasm/${name}`, home)),
        })
    },
  }
}

const SHELL_WORKER = "service-worker.js"
/** Larger ones, such as the PDF reader, are kept when they are used. */
const KEPT_UP_TO = 400_000

/** Tells the shell's worker (src/app/shell/shellWorker.ts) which files this build has. */
function shell(): Plugin {
  const hash = (...parts: (string | Uint8Array)[]): string => {
    const sum = createHash("sha256")
    for (const part of parts) sum.update(part)
    return sum.digest("hex")
  }
  return {
    name: "careseal:shell",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const beside = new URL("public/", import.meta.url)
        const files = new Map<string, string | Uint8Array>(
          readdirSync(beside).map((name) => [`/${name}`, readFileSync(new URL(name, beside))]),
        )
        for (const made of Object.values(bundle)) files.set(`/${made.fileName}`, made.type === "chunk" ? made.code : made.source)
        files.delete(`/${SHELL_WORKER}`)
        const names = [...files.keys()].filter((name) => (files.get(name)?.length ?? 0) <= KEPT_UP_TO).sort()
        const told = {
          version: hash(...[...files.keys()].sort().flatMap((name) => [name, "\0", files.get(name) ?? ""])).slice(0, 16),
          page: hash(files.get("/index.html") ?? ""),
          files: names,
        }
        const worker = bundle[SHELL_WORKER]
        if (worker?.type !== "chunk" || !files.has("/index.html")) this.error("the shell has no page or no worker")
        worker.code = worker.code.replaceAll("__SHELL__", () => JSON.stringify(told))
      },
    },
  }
}

/** Packs what the server hands out, once and as small as it gets. */
function packed(): Plugin {
  return {
    name: "careseal:packed",
    apply: "build",
    writeBundle({ dir = "" }) {
      for (const name of readdirSync(dir, { recursive: true, encoding: "utf8" }))
        if (/\.(css|html|js|svg|webmanifest)$/.test(name))
          writeFileSync(join(dir, `${name}.br`), brotliCompressSync(readFileSync(join(dir, name))))
    },
  }
}

type Modules = { getModuleInfo(id: string): { importedIds: readonly string[] } | null }

const path = (name: string): string => fileURLToPath(new URL(`src/${name}`, import.meta.url))

/** All that a module needs before it can run. */
function needed(from: string, modules: Modules, found = new Set<string>()): Set<string> {
  if (found.has(from)) return found
  found.add(from)
  for (const id of modules.getModuleInfo(from)?.importedIds ?? []) needed(id, modules, found)
  return found
}

/** One file of all that these modules need each, without what an earlier group has. */
function group(name: string, ...entries: string[]) {
  const all = (modules: Modules): Set<string>[] => entries.map((entry) => needed(path(entry), modules))
  let sets: Set<string>[] | undefined
  return {
    debugName: name,
    name: (id: string, modules: Modules) => ((sets ??= all(modules)).every((set) => set.has(id)) ? name : undefined),
  }
}

/** What is loaded together is one file: what every page starts with, sessions and their sealing, a visit, its calls. */
const groups = [
  { ...group("start", "app/main.tsx"), priority: 5 },
  { name: "start", test: /vite\/preload-helper/, priority: 5 },
  { ...group("sealing", "lib/session/index.ts"), priority: 4 },
  { ...group("pages", "app/telemedicine/SessionPage.tsx", "app/Dashboard.tsx"), priority: 3 },
  { ...group("visit", "app/telemedicine/SessionPage.tsx"), priority: 2 },
  { ...group("calls", "lib/call/index.ts"), priority: 1 },
]

/** Both pages that a link opens need the sealing: it is fetched beside what they start with, not behind it. */
function sealingAhead(): Plugin {
  return {
    name: "careseal:sealing-ahead",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_, { bundle = {} }) {
        const files = new Set<string>()
        const take = (file: string): void => {
          const made = bundle[file]
          if (made?.type !== "chunk" || made.name === "start" || files.has(file)) return
          files.add(file)
          made.imports.forEach(take)
        }
        const wanted = path("lib/session/index.ts")
        for (const made of Object.values(bundle)) if (made.type === "chunk" && made.moduleIds.includes(wanted)) take(made.fileName)
        if (files.size === 0) throw new Error("the build has no file of sessions")
        return [...files].map((file) => ({
          tag: "link",
          attrs: { rel: "modulepreload", crossorigin: true, href: `/${file}` },
          injectTo: "head" as const,
        }))
      },
    },
  }
}

export default defineConfig({
  plugins: [oneSuite(), pdfDecoders(), sealingAhead(), shell(), packed()],
  build: {
    outDir: "../src/careseal/server/web",
    emptyOutDir: true,
    target: "es2022",
    // The page is served under `script-src 'self'` and Trusted Types: nothing inline, nothing as a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: { index: "index.html", "service-worker": "src/app/shell/shellWorker.ts" },
      output: {
        codeSplitting: { groups },
        entryFileNames: ({ name }) => (name === "service-worker" ? SHELL_WORKER : "assets/[name]-[hash].js"),
      },
    },
  },
  worker: { format: "es", plugins: () => [oneSuite()] },
  server: { proxy: { "/api": { target: "http://localhost:8000", ws: true } } },
})
