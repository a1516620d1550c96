/** The server's contract (docs/protocol.md §8) in memory, with a line that a test can break, slow down and lie on. */
import { fromBase64Url, toBase64Url } from "../../encryption/e2ee.ts"

interface Row {
  seq: number
  kind: "commit" | "chat"
  parent: number
  id: string
  body: string
  at: number
}

export interface Place {
  id: string
  log: Row[]
  door: string
  boxes: Map<string, string>
  letters: Map<string, string>
  /** Access token hash → invite */
  invites: Map<string, { id: string; role: string; closed: boolean }>
  /** Token hash → member */
  members: Map<string, { id: string; invite: string }>
  used: Set<string>
  files: Map<string, { by: string; parts: number; size: number; present: Map<number, Uint8Array> }>
  ended: boolean
  knocks: Map<string, { invite: string; knock: string; box: string | null; refused: boolean; at: number }>
}

interface Who {
  member?: { id: string; invite: string }
  invite?: { id: string; role: string; closed: boolean }
}

function isElsewhere(body: Record<string, unknown>, seq: number): boolean {
  return body["seq"] !== undefined && body["seq"] !== seq
}

class Problem extends Error {
  constructor(
    readonly problem: string,
    readonly status: number,
    readonly limit?: string,
  ) {
    super(problem)
  }
}

/** What a request did before its answer was sent. */
export interface Exchange {
  method: string
  path: string
  body: Record<string, unknown> | undefined
}

export class MemoryServer {
  readonly places = new Map<string, Place>()
  readonly sockets = new Set<MemorySocket>()
  /** All that was asked, in order. */
  readonly asked: Exchange[] = []
  /** Nothing gets through. */
  down = false
  socketsBlocked = false
  /** What has no room left: a limit's name. */
  full: string | undefined
  /** Called before a request is worked on: may wait. */
  before: (exchange: Exchange) => Promise<void> | void = () => undefined
  /** True when the answer to this exchange is to be lost on the way. */
  loses: (exchange: Exchange) => boolean = () => false
  /** What the store answers, where parts may go to it (§6.1): undefined leaves it as it is. */
  store: undefined | ((method: string, part: Uint8Array | undefined) => Response | undefined)
  /** What was put into the store, by address; and with which headers anything came there. */
  readonly stored = new Map<string, Uint8Array>()
  readonly storeHeaders: string[][] = []
  /** What a token is shown of the log: a liar changes it. */
  shows: (log: Row[], memberId: string) => Row[] = (log) => log

  install(): void {
    globalThis.fetch = (input, init) => this.fetch(input as string, init)
    const made = (url: string) => new MemorySocket(url, this)
    globalThis.WebSocket = function (url: string) {
      return made(url)
    } as never
  }

  place(id: string): Place {
    const place = this.places.get(id)
    if (!place) throw new Problem("not-authorised", 401)
    return place
  }

  /** As kill -9: every socket breaks. */
  breakSockets(code = 1006): void {
    for (const socket of [...this.sockets]) socket.fail(code)
  }

  private async fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const { host, pathname, searchParams } = new URL(url)
    if (host === "store") return this.storing(url, init)
    const body = typeof init.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : undefined
    const exchange = { method: init.method ?? "GET", path: pathname, body }
    init.signal?.throwIfAborted()
    const assertLine = () => {
      if (this.down) throw new TypeError("no line")
    }
    assertLine()
    await this.before(exchange)
    assertLine()
    init.signal?.throwIfAborted()
    this.asked.push(exchange)
    const token = new Headers(init.headers).get("authorization")?.slice("Bearer ".length)
    let answer: Response
    try {
      answer = await this.answer(exchange, token, searchParams, init.body, init.signal ?? undefined)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      const { status, limit } = error
      const document = { type: `urn:careseal:problem:${error.problem}`, title: "", status, detail: "", limit }
      answer = Response.json(document, { status: error.status })
    }
    assertLine()
    if (this.loses(exchange)) throw new TypeError("the answer was lost")
    return answer
  }

  private storing(url: string, init: RequestInit): Promise<Response> {
    const method = init.method ?? "GET"
    this.storeHeaders.push([method, ...new Headers(init.headers).keys(), init.credentials ?? ""])
    const answered = this.store?.(method, this.stored.get(url))
    if (answered) return Promise.resolve(answered)
    if (method === "GET") return Promise.resolve(new Response(this.stored.get(url) as Uint8Array<ArrayBuffer>))
    this.stored.set(url, Uint8Array.from(init.body as Uint8Array))
    return Promise.resolve(new Response())
  }

  private async answer(
    { method, path, body }: Exchange,
    token: string | undefined,
    query: URLSearchParams,
    raw: unknown,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const parts = path.split("/").slice(4)
    if (parts.length === 0 && method === "POST") return this.create(body ?? {})
    const place = this.place(parts[0] ?? "")
    const who = await this.who(place, token)
    const route = `${method} ${parts[1] ?? ""}`
    switch (route) {
      case "GET ":
        return Response.json(this.row(place))
      case "DELETE ":
        this.places.delete(place.id)
        return new Response(null, { status: 204 })
      case "POST end":
        place.ended = true
        this.breakSockets(4410)
        return new Response(null, { status: 204 })
      case "GET door":
        return this.door(place, who, query.get("invite"))
      case "PUT door":
        return this.putDoor(place, body ?? {})
      case "POST commits":
        return this.commit(place, who, body ?? {})
      case "POST chat":
        return this.chat(place, who, body ?? {})
      case "GET chat":
        return this.entries(place, who, query, signal)
      case "DELETE members":
        this.revoke(place, parts[2] ?? "")
        return new Response(null, { status: 204 })
      case "POST knocks":
      case "GET knocks":
      case "PUT knocks":
      case "DELETE knocks":
        return this.knock(place, who, method, parts[2], body ?? {}, signal)
      case "GET ice":
        return Response.json({ iceServers: [], ttl: 60 })
      default:
        return this.file(place, who, method, parts.slice(2), body, raw)
    }
  }

  private async who(place: Place, token: string | undefined): Promise<Who> {
    const hash = await sha256(fromBase64Url(token ?? ""))
    const member = place.members.get(hash)
    if (member) return { member }
    const invite = place.invites.get(hash)
    if (invite && !invite.closed) return { invite }
    throw new Problem("not-authorised", 401)
  }

  private create(body: Record<string, unknown>): Response {
    const { id, door, keyBoxes, invites, member } = body as never as {
      id: string
      door: string
      keyBoxes: { invite: string; box: string }[]
      invites: { id: string; role: string; accessTokenHash: string }[]
      member: { id: string; invite: string; tokenHash: string }
    }
    if (this.places.has(id)) return Response.json({ id }, { status: 200 })
    this.places.set(id, {
      id,
      log: [],
      door,
      boxes: new Map(keyBoxes.map(({ invite, box }) => [invite, box])),
      letters: new Map(),
      invites: new Map(invites.map(({ id, role, accessTokenHash }) => [accessTokenHash, { id, role, closed: false }])),
      members: new Map([[member.tokenHash, { id: member.id, invite: member.invite }]]),
      used: new Set([member.invite]),
      files: new Map(),
      ended: false,
      knocks: new Map(),
    })
    return Response.json({ id }, { status: 201 })
  }

  private row(place: Place) {
    return { id: place.id, ...this.heads(place), createdAt: 1, expiresAt: 9e12, ended: place.ended, limits: {} }
  }

  private heads(place: Place) {
    return { head: place.log.length, lastCommit: place.log.findLast(({ kind }) => kind === "commit")?.seq ?? 0 }
  }

  private door(place: Place, { member, invite }: Who, asked: string | null): Response {
    const id = asked ?? member?.invite ?? invite?.id ?? ""
    if (invite) this.toAll(place, { type: "opened", invite: id })
    return Response.json({
      door: place.door,
      keyBox: place.boxes.get(id) ?? null,
      letter: invite ? (place.letters.get(id) ?? null) : null,
      ...this.heads(place),
    })
  }

  private putDoor(place: Place, body: Record<string, unknown>): Response {
    if (body["parent"] !== this.heads(place).lastCommit) throw new Problem("stale-parent", 409)
    place.door = body["door"] as string
    place.boxes = new Map((body["keyBoxes"] as { invite: string; box: string }[]).map((kb) => [kb.invite, kb.box]))
    for (const { invite, letter } of body["letters"] as { invite: string; letter: string }[]) {
      place.letters.set(invite, letter)
    }
    return new Response(null, { status: 204 })
  }

  private commit(place: Place, who: Who, body: Record<string, unknown>): Response {
    const again = place.log.find(({ id }) => id === body["id"])
    if (again && isElsewhere(body, again.seq)) throw new Problem("wrong-place", 409)
    const joins = body["member"] as { id: string; tokenHash: string } | undefined
    if (again && joins && who.invite && ![...place.members.values()].some(({ id }) => id === joins.id)) {
      place.members.set(joins.tokenHash, { id: joins.id, invite: who.invite.id })
    }
    if (again) return Response.json({ seq: again.seq, at: again.at }, { status: 200 })
    this.open(place, body)
    if (body["parent"] !== this.heads(place).lastCommit) throw new Problem("stale-parent", 409)
    if (this.full === "invites" && body["open"]) throw new Problem("too-many", 429, this.full)
    const member = body["member"] as { id: string; tokenHash: string } | undefined
    if ((member === undefined) !== (who.invite === undefined)) throw new Problem("malformed", 400)
    if (member && who.invite) {
      place.members.set(member.tokenHash, { id: member.id, invite: who.invite.id })
      place.used.add(who.invite.id)
      place.letters.delete(who.invite.id)
    }
    place.door = body["door"] as string
    place.boxes = new Map((body["keyBoxes"] as { invite: string; box: string }[]).map((kb) => [kb.invite, kb.box]))
    for (const { id, role, accessTokenHash } of (body["open"] ?? []) as { id: string; role: string; accessTokenHash: string }[]) {
      place.invites.set(accessTokenHash, { id, role, closed: false })
    }
    for (const invite of place.invites.values()) {
      if (((body["close"] ?? []) as string[]).includes(invite.id)) invite.closed = true
    }
    for (const knock of place.knocks.values()) knock.box = null
    const row = this.append(place, "commit", body["id"] as string, body["parent"], body["commit"] as string)
    for (const id of (body["revoke"] ?? []) as string[]) this.revoke(place, id)
    return Response.json({ seq: row.seq, at: row.at }, { status: 201 })
  }

  private chat(place: Place, { member }: Who, body: Record<string, unknown>): Response {
    if (!member) throw new Problem("forbidden", 403)
    const again = place.log.find(({ id }) => id === body["id"])
    if (again && again.body !== body["encryptedMessage"]) throw new Error("two texts under one entry id")
    if (again && isElsewhere(body, again.seq)) throw new Problem("wrong-place", 409)
    if (again) return Response.json({ seq: again.seq, at: again.at }, { status: 200 })
    this.open(place, body)
    if (body["parent"] !== this.heads(place).lastCommit) throw new Problem("stale-parent", 409)
    if (this.full !== undefined) throw new Problem("storage-full", 507, this.full)
    const row = this.append(place, "chat", body["id"] as string, body["parent"], body["encryptedMessage"] as string)
    return Response.json({ seq: row.seq, at: row.at }, { status: 201 })
  }

  /** Puts an entry into the log as it is: tests of a lying server use it too. */
  append(place: Place, kind: Row["kind"], id: string, parent: number, body: string): Row {
    const row = { seq: place.log.length + 1, kind, parent, id, body, at: Date.now() }
    place.log.push(row)
    for (const socket of this.sockets) socket.catchUp()
    return row
  }

  private open(place: Place, body: Record<string, unknown>): void {
    if (place.ended) throw new Problem("session-ended", 410)
    const head = place.log.length
    if (isElsewhere(body, head + 1) || Number(body["after"] ?? 0) > head) throw new Problem("wrong-place", 409)
  }

  private async entries(
    place: Place,
    { member }: Who,
    query: URLSearchParams,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const shown = () => this.shows(place.log, member?.id ?? "")
    const after = Number(query.get("after"))
    const wait = Number(query.get("wait") ?? 0)
    const until = Date.now() + Math.min(wait * 1000, 500)
    while (shown().length <= after && Date.now() < until && signal?.aborted !== true) await tick(5)
    const log = shown()
    const rows = log.slice(after, after + Number(query.get("limit") ?? 200))
    const heads = { head: log.length, lastCommit: log.findLast(({ kind }) => kind === "commit")?.seq ?? 0 }
    if (query.get("form") !== "digest") return Response.json({ entries: rows, ...heads })
    const digests = await Promise.all(
      rows.map(async ({ seq, kind, parent, id, body }) => ({ seq, kind, parent, id, digest: await sha512(fromBase64Url(body)) })),
    )
    return Response.json({ entries: digests, ...heads })
  }

  private async knock(
    place: Place,
    { member, invite }: Who,
    method: string,
    id: string | undefined,
    body: Record<string, unknown>,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const { knocks } = place
    const changed = () => this.toAll(place, { type: "knocks" })
    if (method === "POST") {
      const name = body["id"] as string
      const there = knocks.get(name)
      const kept = there ?? { invite: invite?.id ?? "", knock: body["knock"] as string, box: null, refused: false, at: Date.now() }
      knocks.set(name, kept)
      changed()
      return Response.json({ at: kept.at }, { status: there ? 200 : 201 })
    }
    if (id === undefined) {
      const rows = [...knocks].filter(([, { refused }]) => !refused)
      const shown = rows.map(([id, { invite, knock, box, at }]) => ({ id, invite, knock, at, admitted: box !== null }))
      return Response.json({ knocks: shown })
    }
    const kept = knocks.get(id)
    if (!kept) throw new Problem("not-found", 404)
    if (method === "GET") {
      const until = Date.now() + 500
      while (kept.box === null && !kept.refused && Date.now() < until && signal?.aborted !== true) await tick(5)
      const state = kept.refused ? "refused" : kept.box === null ? "waiting" : "admitted"
      return Response.json({ state, keyBox: kept.box })
    }
    if (method === "PUT") {
      if (body["parent"] !== this.heads(place).lastCommit) throw new Problem("stale-parent", 409)
      kept.box = body["keyBox"] as string
    } else if (member) kept.refused = true
    else knocks.delete(id)
    changed()
    return new Response(null, { status: 204 })
  }

  private revoke(place: Place, id: string): void {
    for (const [hash, member] of place.members) if (member.id === id) place.members.delete(hash)
    for (const socket of [...this.sockets]) if (socket.member === id) socket.fail(4403)
  }

  private file(
    place: Place,
    { member }: Who,
    method: string,
    [id, , part, way]: string[],
    body: Record<string, unknown> | undefined,
    raw: unknown,
  ): Response {
    if (!member) throw new Problem("forbidden", 403)
    if (method === "POST" && id === undefined) {
      const { id, parts, size } = body as never as { id: string; parts: number; size: number }
      if (this.full !== undefined) throw new Problem("storage-full", 507, this.full)
      if (!place.files.has(id)) place.files.set(id, { by: member.id, parts, size, present: new Map() })
      return Response.json({ id }, { status: 201 })
    }
    const file = place.files.get(id ?? "")
    if (!file) throw new Problem("not-found", 404)
    if (part === undefined) {
      if (method === "DELETE") place.files.delete(id ?? "")
      if (method === "DELETE") return new Response(null, { status: 204 })
      const direct = this.store !== undefined
      return Response.json({ id, parts: file.parts, size: file.size, present: [...file.present.keys()], direct })
    }
    const number = Number(part)
    const there = file.present.get(number)
    if (way === "direct") {
      if (method === "GET" && there) this.stored.set(`https://store/${id}/${number}/get`, there)
      if (method === "GET" && there) return Response.json({ url: `https://store/${id}/${number}/get`, lasts: 300, size: there.length })
      const url = `https://store/${id}/${number}/${String(body?.["sha256"])}`
      if (method === "POST") return Response.json({ url, lasts: 300 }, { status: 201 })
      const put = this.stored.get(url)
      if (!put) throw new Problem("not-found", 404)
      file.present.set(number, put)
      return Response.json({}, { status: 201 })
    }
    if (method === "GET") {
      if (!there) throw new Problem("not-found", 404)
      return new Response(there as Uint8Array<ArrayBuffer>)
    }
    const bytes = raw as Uint8Array
    if (there && Buffer.compare(there, bytes) !== 0) throw new Problem("part-exists", 409)
    file.present.set(number, Uint8Array.from(bytes))
    return new Response(null, { status: there ? 200 : 201 })
  }

  toAll(place: Place, frame: object, but?: MemorySocket): void {
    for (const socket of this.sockets) if (socket.session === place.id && socket !== but) socket.give(frame)
  }

  presence(place: Place): string[] {
    return [...this.sockets].filter(({ session }) => session === place.id).map(({ member }) => member ?? "")
  }
}

/** One follower's socket (§8.1). */
export class MemorySocket {
  readyState = 0
  onopen: (() => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  onerror: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  session: string | undefined
  member: string | undefined
  private after: number
  private readonly id: string

  constructor(
    url: string,
    private readonly server: MemoryServer,
  ) {
    const { pathname, searchParams } = new URL(url)
    this.id = pathname.split("/")[4] ?? ""
    this.after = Number(searchParams.get("after"))
    setTimeout(() => {
      if (server.down || server.socketsBlocked || this.readyState !== 0) {
        this.fail(1006)
        return
      }
      this.readyState = 1
      this.onopen?.()
    }, 0)
  }

  send(text: string): void {
    const frame = JSON.parse(text) as Record<string, unknown>
    if (frame["type"] === "auth") void this.auth(frame["token"] as string)
    if (frame["type"] === "signal") this.relay(frame["to"] as string[] | null, frame["signal"] as string)
  }

  close(): void {
    this.fail(1000)
  }

  fail(code: number): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.server.sockets.delete(this)
    setTimeout(() => this.onclose?.({ code }), 0)
    const place = this.server.places.get(this.session ?? "")
    if (place) this.server.toAll(place, { type: "present", members: this.server.presence(place) })
  }

  give(frame: object): void {
    if (this.readyState !== 1) return
    const data = JSON.stringify(frame)
    setTimeout(() => {
      if (this.readyState === 1) this.onmessage?.({ data })
    }, 0)
  }

  catchUp(): void {
    const place = this.server.places.get(this.session ?? "")
    if (!place) return
    const log = this.server.shows(place.log, this.member ?? "")
    for (; this.after < log.length; this.after += 1) this.give({ type: "entry", ...log[this.after] })
  }

  private async auth(token: string): Promise<void> {
    const place = this.server.places.get(this.id)
    const member = place?.members.get(await sha256(fromBase64Url(token)))
    if (!place || !member || place.ended) {
      this.fail(place?.ended ? 4410 : 4401)
      return
    }
    if (this.readyState !== 1) return
    this.session = place.id
    this.member = member.id
    this.server.sockets.add(this)
    const log = this.server.shows(place.log, member.id)
    const lastCommit = log.findLast(({ kind }) => kind === "commit")?.seq ?? 0
    this.give({ type: "ready", head: log.length, lastCommit, members: this.server.presence(place) })
    this.catchUp()
    this.server.toAll(place, { type: "present", members: this.server.presence(place) }, this)
  }

  private relay(to: string[] | null, signal: string): void {
    for (const socket of this.server.sockets) {
      if (socket === this || socket.session !== this.session) continue
      if (to === null || to.includes(socket.member ?? "")) socket.give({ type: "signal", from: this.member, signal })
    }
  }
}

async function sha256(bytes: Uint8Array): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>)))
}

async function sha512(bytes: Uint8Array): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-512", bytes as Uint8Array<ArrayBuffer>)))
}

function tick(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
