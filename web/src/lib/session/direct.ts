/**
 * Parts straight to and from the server's store (docs/protocol.md §6.1). Where the store does not do what it should, the
 * rest of the transfer goes through the server.
 */
import { toBase64Url } from "../encryption/e2ee.ts"
import { readInto } from "./bodyReading.ts"
import { Refusal } from "./http.ts"
import { putBytes } from "./partUpload.ts"
import { type Transport } from "./transport.ts"

const answersWithin = 15_000
const wholeWithin = 120_000
/** An earlier try had put the part there. */
const alreadyThere = 412

/** The direct way for one transfer of one file. */
export class Direct {
  constructor(
    private readonly transport: Transport,
    private readonly file: string,
    private offered: boolean,
  ) {}

  /** Whether the part is stored now; else it is to go through the server. */
  async put(
    token: string,
    part: number,
    sealed: Uint8Array<ArrayBuffer>,
    gone: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (!this.offered) return false
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", sealed))
    const described = { size: sealed.length, sha256: toBase64Url(digest) }
    const done = await this.tried(signal, async () => {
      try {
        const url = await this.transport.askToPut(token, this.file, part, described, signal)
        if (url === undefined) return true
        const headers = { "If-None-Match": "*", "x-amz-checksum-sha256": btoa(String.fromCharCode(...digest)) }
        const status = await putBytes(url, headers, sealed, gone, signal, answersWithin)
        if (!isGood(status) && status !== alreadyThere) throw new StoreFailed()
        await this.transport.confirmPut(token, this.file, part, described, signal)
      } catch (error) {
        // Under another salt, by an earlier try of ours.
        if (!(error instanceof Refusal && error.problem === "part-exists")) throw error
      }
      return true
    })
    gone(done ? sealed.length : 0)
    return done ?? false
  }

  /** A sealed part of `size` bytes, read into `buffer`, which moves; undefined if it is to come through the server. */
  async get(
    token: string,
    part: number,
    size: number,
    buffer: () => ArrayBuffer,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (!this.offered) return undefined
    return this.tried(signal, async () => {
      const url = await this.transport.askToGet(token, this.file, part, signal)
      const answer = await fetched(url, signal)
      const sealed = await readInto(buffer(), answer.body)
      if (sealed.length !== size) throw new StoreFailed()
      return sealed
    })
  }

  /** What `way` gives; undefined, and nothing more is tried, when the store or the server does not do it. */
  private async tried<T>(signal: AbortSignal, way: () => Promise<T>): Promise<T | undefined> {
    try {
      return await way()
    } catch (error) {
      if (signal.aborted || (error instanceof Refusal && final.has(error.problem))) throw error
      this.offered = false
      return undefined
    }
  }
}

/** What the way through the server would say as well. */
const final = new Set<string>(["not-authorised", "session-ended"])

class StoreFailed extends Error {}

const isGood = (status: number): boolean => status >= 200 && status < 300

/** Neither token nor cookie nor referrer goes along, and no redirect is followed. */
async function fetched(url: string, signal: AbortSignal): Promise<Response> {
  const silent = new AbortController()
  const silence = setTimeout(() => silent.abort(), answersWithin)
  try {
    const answer = await fetch(url, {
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      signal: AbortSignal.any([signal, silent.signal, AbortSignal.timeout(wholeWithin)]),
    })
    if (answer.status !== 200) throw new StoreFailed()
    return answer
  } finally {
    clearTimeout(silence)
  }
}
