// Writes tests/vectors/*.json anew: node scripts/write-vectors.mjs
import { mkdir, writeFile } from "node:fs/promises"
import { URL } from "node:url"
import { runnerImport } from "vite"

const folder = new URL("../../tests/vectors/", import.meta.url)
const source = new URL("../src/lib/encryption/vectors.fixture.ts", import.meta.url)
const { module } = await runnerImport(source.pathname)
await mkdir(folder, { recursive: true })
for (const [name, vectors] of Object.entries(await module.allVectors())) {
  await writeFile(new URL(`${name}.json`, folder), `${JSON.stringify(vectors, null, 1)}\n`)
}
