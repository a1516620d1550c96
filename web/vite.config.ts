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

export default defineConfig({
  plugins: [oneSuite()],
  build: {
    outDir: "../src/careseal/server/web",
    emptyOutDir: true,
    target: "es2022",
    // The page is served under `script-src 'self'` and Trusted Types: nothing inline, nothing as a data: URL.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: "es", plugins: () => [oneSuite()] },
  server: { proxy: { "/api": { target: "http://localhost:8000", ws: true } } },
})
