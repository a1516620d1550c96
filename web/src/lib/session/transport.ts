/** The server's routes (docs/protocol.md §8) as typed calls. Byte strings are base64url text here. */
import { readInto } from "./bodyReading.ts"
import { type Call, call, callJson, isRecord, Unreachable } from "./http.ts"

export interface ServerEntry {
  seq: number
  kind: "commit" | "chat"
  parent: number
  id: string
  body: string
  /** The server's arrival time, ms; advisory. */
  at: number
}

/** An entry by its digest, for joiners (`form=digest`). */
export interface DigestEntry {
  seq: number
  kind: "commit" | "chat"
  parent: number
  id: string
  digest: string
}

export interface Page<E> {
  entries: E[]
  head: number
  lastCommit: number
}

export interface KeyBox {
  invite: string
  box: string
}

export interface Letter {
  invite: string
  letter: string
}

export interface InviteRow {
  id: string
  role: "host" | "guest"
  accessTokenHash: string
}

export interface CreateRequest {
  id: string
  door: string
  keyBoxes: KeyBox[]
  invites: InviteRow[]
  member: { id: string; invite: string; tokenHash: string }
  lifetime?: number
}

export interface CommitRequest {
  id: string
  parent: number
  commit: string
  door: string
  keyBoxes: KeyBox[]
  member?: { id: string; tokenHash: string }
  letters?: Letter[]
  open?: InviteRow[]
  close?: string[]
  revoke?: string[]
}

/** Where an entry is to go: in that place, or somewhere behind that one; else it is refused (`wrong-place`). */
export interface Where {
  seq?: number
  after?: number
}

export interface DoorAnswer {
  door: string
  keyBox: string | undefined
  letter: string | undefined
  head: number
  lastCommit: number
}

export interface SessionRow {
  id: string
  head: number
  lastCommit: number
  createdAt: number
  expiresAt: number
  ended: boolean
}

/** A sealed part by its length and its SHA-256. */
export interface DescribedPart {
  size: number
  sha256: string
}

export interface KnockRow {
  id: string
  invite: string
  knock: string
  /** The server's word, ms. */
  at: number
  /** A key box is there for it. */
  admitted: boolean
}

/** The place that answers; an empty origin is the page's own. */
export class Transport {
  constructor(
    readonly sessionId: string,
    readonly origin = "",
    /** Ends all calls. */
    private readonly stop?: AbortSignal,
  ) {}

  private get root(): string {
    return `${this.origin}/api/telemedicine/sessions/${this.sessionId}`
  }

  async create(body: CreateRequest): Promise<void> {
    await this.call(`${this.origin}/api/telemedicine/sessions`, { method: "POST", body })
  }

  async session(token: string, signal?: AbortSignal): Promise<SessionRow> {
    const row = await this.callJson(this.root, { token, signal })
    return {
      id: text(row, "id"),
      head: whole(row, "head"),
      lastCommit: whole(row, "lastCommit"),
      createdAt: time(row["createdAt"]),
      expiresAt: time(row["expiresAt"]),
      ended: row["ended"] === true,
    }
  }

  async deleteSession(token: string): Promise<void> {
    await this.call(this.root, { method: "DELETE", token })
  }

  async end(token: string): Promise<void> {
    await this.call(`${this.root}/end`, { method: "POST", token })
  }

  /** With a member's token, `invite` names the invite of the key box (default: the member's own). */
  async door(token: string, invite?: string, signal?: AbortSignal): Promise<DoorAnswer> {
    const query = invite === undefined ? "" : `?invite=${invite}`
    const answer = await this.callJson(`${this.root}/door${query}`, { token, signal })
    return {
      door: text(answer, "door"),
      keyBox: textOrNull(answer, "keyBox"),
      letter: textOrNull(answer, "letter"),
      head: whole(answer, "head"),
      lastCommit: whole(answer, "lastCommit"),
    }
  }

  async putDoor(
    token: string,
    body: { parent: number; door: string; keyBoxes: KeyBox[]; letters?: Letter[] },
  ): Promise<void> {
    await this.call(`${this.root}/door`, { method: "PUT", token, body: { letters: [], ...body } })
  }

  async commit(token: string, body: CommitRequest & Where): Promise<{ seq: number }> {
    const answer = await this.callJson(`${this.root}/commits`, { method: "POST", token, body, timeout: 30_000 })
    return { seq: whole(answer, "seq") }
  }

  async knock(token: string, body: { id: string; knock: string }): Promise<{ at: number }> {
    const answer = await this.callJson(`${this.root}/knocks`, { method: "POST", token, body })
    return { at: time(answer["at"]) }
  }

  /** What became of an own knock; waits up to 25 s for a change. */
  async knockState(token: string, id: string): Promise<{ state: string; keyBox: string | undefined }> {
    const answer = await this.callJson(`${this.root}/knocks/${id}?wait=25`, { token, timeout: 45_000 })
    return { state: text(answer, "state"), keyBox: textOrNull(answer, "keyBox") }
  }

  async knocks(token: string): Promise<KnockRow[]> {
    const rows = (await this.callJson(`${this.root}/knocks`, { token }))["knocks"]
    if (!Array.isArray(rows) || !rows.every(isRecord)) throw new Unreachable("a malformed answer")
    return rows.map((row) => ({
      id: text(row, "id"),
      invite: text(row, "invite"),
      knock: text(row, "knock"),
      at: time(row["at"]),
      admitted: row["admitted"] === true,
    }))
  }

  async admitKnock(token: string, id: string, body: { parent: number; keyBox: string }): Promise<void> {
    await this.call(`${this.root}/knocks/${id}`, { method: "PUT", token, body })
  }

  /** A host refuses it, a joiner takes it back. */
  async endKnock(token: string, id: string): Promise<void> {
    await this.call(`${this.root}/knocks/${id}`, { method: "DELETE", token })
  }

  async chat(
    token: string,
    body: { id: string; parent: number; encryptedMessage: string } & Where,
    tries?: number,
  ): Promise<{ seq: number; at: number }> {
    const answer = await this.callJson(`${this.root}/chat`, {
      method: "POST",
      token,
      body,
      ...(tries === undefined ? {} : { tries }),
    })
    return { seq: whole(answer, "seq"), at: whole(answer, "at") }
  }

  async entries(
    token: string,
    after: number,
    options: { limit?: number; wait?: number; signal?: AbortSignal | undefined; tries?: number } = {},
  ): Promise<Page<ServerEntry>> {
    const wait = options.wait ?? 0
    const answer = await this.callJson(`${this.root}/chat?after=${after}&limit=${options.limit ?? 500}&wait=${wait}`, {
      token,
      timeout: 20_000 + wait * 1000,
      signal: options.signal,
      ...(options.tries === undefined ? {} : { tries: options.tries }),
    })
    return page(answer, entryOf)
  }

  async digests(token: string, after: number, signal?: AbortSignal): Promise<Page<DigestEntry>> {
    const answer = await this.callJson(`${this.root}/chat?after=${after}&limit=1000&form=digest`, { token, signal })
    return page(answer, digestOf)
  }

  async revoke(token: string, member: string): Promise<void> {
    await this.call(`${this.root}/members/${member}`, { method: "DELETE", token })
  }

  async createFile(token: string, body: { id: string; parts: number; size: number }, signal?: AbortSignal): Promise<void> {
    await this.call(`${this.root}/files`, { method: "POST", token, body, signal })
  }

  /** Which parts are there, and whether parts may go to the server's store and come from there (§6.1). */
  async file(token: string, file: string, signal?: AbortSignal): Promise<{ present: number[]; direct: boolean }> {
    const answer = await this.callJson(`${this.root}/files/${file}`, { token, signal })
    const present = answer["present"]
    if (!Array.isArray(present) || !present.every(Number.isSafeInteger)) throw new Unreachable("a malformed answer")
    return { present: present as number[], direct: answer["direct"] === true }
  }

  /** An address to put a sealed part to; undefined when it is stored already. */
  async askToPut(token: string, file: string, part: number, body: DescribedPart, signal: AbortSignal): Promise<string | undefined> {
    const answer = await this.callJson(this.directUrl(file, part), { method: "POST", token, body, signal })
    return "url" in answer ? text(answer, "url") : undefined
  }

  /** It was put there. */
  async confirmPut(token: string, file: string, part: number, body: DescribedPart, signal: AbortSignal): Promise<void> {
    await this.call(this.directUrl(file, part), { method: "PUT", token, body, signal })
  }

  /** An address to get a sealed part from. */
  async askToGet(token: string, file: string, part: number, signal: AbortSignal): Promise<string> {
    return text(await this.callJson(this.directUrl(file, part), { token, signal }), "url")
  }

  private directUrl(file: string, part: number): string {
    return `${this.partUrl(file, part)}/direct`
  }

  partUrl(file: string, part: number): string {
    return `${this.root}/files/${file}/parts/${part}`
  }

  /**
   * A sealed part, read into `buffer` (it holds any: 4 MiB + 32 bytes). The buffer moves: the one of the answer is the
   * one to use again.
   */
  async part(
    token: string,
    file: string,
    part: number,
    buffer: ArrayBuffer,
    signal?: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const answer = await this.call(this.partUrl(file, part), { token, signal, timeout: 120_000, tries: 1 })
    try {
      return await readInto(buffer, answer.body)
    } catch (error) {
      if (signal?.aborted) throw error
      throw new Unreachable("the part broke off")
    }
  }

  async deleteFile(token: string, file: string): Promise<void> {
    await this.call(`${this.root}/files/${file}`, { method: "DELETE", token })
  }

  async ice(token: string): Promise<RTCIceServer[]> {
    const answer = await this.callJson(`${this.root}/ice`, { token })
    const servers = answer["iceServers"]
    return Array.isArray(servers) ? (servers as RTCIceServer[]) : []
  }

  private call(url: string, options: Call = {}): Promise<Response> {
    return call(url, this.stoppable(options))
  }

  private callJson(url: string, options: Call): Promise<Record<string, unknown>> {
    return callJson(url, this.stoppable(options))
  }

  private stoppable(options: Call): Call {
    if (!this.stop) return options
    return { ...options, signal: options.signal ? AbortSignal.any([this.stop, options.signal]) : this.stop }
  }

  followUrl(after: number): string {
    const here = this.origin === "" ? location.origin : this.origin
    return `${here.replace(/^http/, "ws")}/api/telemedicine/sessions/${this.sessionId}/follow?after=${after}`
  }
}

function page<E>(answer: Record<string, unknown>, each: (row: unknown) => E | undefined): Page<E> {
  const rows = answer["entries"]
  if (!Array.isArray(rows)) throw new Unreachable("a malformed answer")
  const entries = rows.map((row) => {
    const entry = each(row)
    if (!entry) throw new Unreachable("a malformed entry")
    return entry
  })
  return { entries, head: whole(answer, "head"), lastCommit: whole(answer, "lastCommit") }
}

/** An entry as the server sends it, or undefined when it is not one. */
export function entryOf(row: unknown): ServerEntry | undefined {
  const base = placeOf(row)
  if (!base || !isRecord(row) || typeof row["body"] !== "string") return undefined
  return { ...base, body: row["body"], at: time(row["at"]) }
}

function digestOf(row: unknown): DigestEntry | undefined {
  const base = placeOf(row)
  return base && isRecord(row) && typeof row["digest"] === "string" ? { ...base, digest: row["digest"] } : undefined
}

function placeOf(row: unknown): Omit<DigestEntry, "digest"> | undefined {
  if (!isRecord(row)) return undefined
  const { seq, kind, parent, id } = row
  if (!isWhole(seq) || seq < 1 || !isWhole(parent) || typeof id !== "string") return undefined
  return kind === "commit" || kind === "chat" ? { seq, kind, parent, id } : undefined
}

export function isWhole(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0
}

function whole(row: Record<string, unknown>, name: string): number {
  const value = row[name]
  if (!isWhole(value)) throw new Unreachable(`an answer without ${name}`)
  return value
}

function text(row: Record<string, unknown>, name: string): string {
  const value = row[name]
  if (typeof value !== "string") throw new Unreachable(`an answer without ${name}`)
  return value
}

function textOrNull(row: Record<string, unknown>, name: string): string | undefined {
  return row[name] === null ? undefined : text(row, name)
}

function time(value: unknown): number {
  return isWhole(value) ? value : 0
}
