// Writes tests/vectors/*.json anew: node scripts/write-vectors.mjs
import { mkdir, writeFile } from "node:fs/promises"
import { URL } from "node:url"
import { runnerImport } from "vite"

const folder = new URL("../../tests/vectors/", import.meta.url)
const load = async (name) => {
  const source = new URL(`../src/lib/encryption/${name}.fixture.ts`, import.meta.url)
  return (await runnerImport(source.pathname)).module
}
const { allVectors } = await load("vectors")
const { transcript } = await load("transcript")
await mkdir(folder, { recursive: true })
for (const [name, vectors] of Object.entries({ ...(await allVectors()), transcript: await transcript() })) {
  await writeFile(new URL(`${name}.json`, folder), `${JSON.stringify(vectors, null, 1)}\n`)
}
