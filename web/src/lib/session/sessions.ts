/** Making, joining and opening sessions on this device (docs/protocol.md §3.7, §8). */
import { decodeState, encodeState, found, type Founded, fromBase64Url, type InviteKeys, toBase64Url } from "../encryption/e2ee.ts"
import { ownIdentity, recognise } from "./clinicians.ts"
import { type Core, coreKey, forgetSession, nameKey, newCore, summaryKey, summaryOf } from "./core.ts"
import { readOn } from "./readingOn.ts"
import { deviceName } from "./device.ts"
import { putDoor } from "./doorkeeping.ts"
import { Refusal, Unreachable } from "./http.ts"
import { DoorNotReady, earlyToken, fetchDoor, hashOf, keysOf, linkFailure, makeReady, openAnswer } from "./joining.ts"
import { SessionPage } from "./page.ts"
import { hasKnockable, knocksAt } from "./knocks.ts"
import { linkOf } from "./people.ts"
import { epochOf } from "./plans.ts"
import { Storage } from "./storage.ts"
import { type Locks } from "./tabs.ts"
import { type CreateRequest, type DoorAnswer, Transport } from "./transport.ts"
import { type LinkPreview, type PrivateNotes, type Role, SessionFailure, type Sessions, type SessionSummary, type Waiting } from "./types.ts"

export interface SessionsOptions {
  /** Origin of the server; empty for the page's own. */
  server: string
  /** Origin for links. */
  origin: string
  device: string
  /** Name of the database. */
  database?: string
  locks?: Locks
  now?: () => number
}

/** In a browser: against the server that the page came from. */
export function browserSessions(): Sessions {
  // Sessions close with their page; one that the back button brings out of the cache begins anew.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted) location.reload()
  })
  return new DeviceSessions({ server: "", origin: location.origin, device: deviceName(navigator.userAgent) })
}

type CreateOptions = Parameters<Sessions["create"]>[0]

export class DeviceSessions implements Sessions {
  /** Pages that were opened here. */
  readonly pages = new Set<SessionPage>()
  private opened: Promise<Storage> | undefined
  private readonly derived = new Map<string, Promise<InviteKeys>>()
  /** What the server said of a link before it was looked at; nothing, when it was not asked. */
  private early: { id: string; secret: string; answer: Promise<DoorAnswer | undefined> } | undefined
  /** Of invites whose door was opened here; an invite keeps its role. */
  private readonly roles = new Map<string, Role>()

  constructor(private readonly options: SessionsOptions) {}

  async list(): Promise<SessionSummary[]> {
    const storage = await this.storage()
    const kept = await storage.under(["summary"])
    return kept.map(({ value }) => whole(value as KeptSummary)).sort((a, b) => b.lastActivityAt - a.lastActivityAt)
  }

  async catchUp(id: string, signal: AbortSignal): Promise<boolean> {
    const storage = await this.storage()
    const { server, origin, locks, now } = this.options
    return readOn({ id, storage, server, origin, ...(locks ? { locks } : {}), ...(now ? { now } : {}) }, signal)
  }

  async knocks(id: string, signal: AbortSignal): Promise<readonly Waiting[]> {
    const core = (await (await this.storage()).get(coreKey(id))) as Core | undefined
    if (core?.phase !== "in" || !core.state) return []
    return knocksAt(new Transport(id, this.options.server, signal), core, await decodeState(core.state), this.now())
  }

  readonly notes: PrivateNotes = {
    read: async (id) => ((await (await this.storage()).get(notesKey(id))) as string | undefined) ?? "",
    write: async (id, text, before) => {
      const storage = await this.storage()
      const key = notesKey(id)
      const locks = this.options.locks ?? navigator.locks
      const written = await locks.request(`${this.notesChannel}/${id}`, async () => {
        const kept = ((await storage.get(key)) as string | undefined) ?? ""
        const both = kept === before || kept === text ? text : bothOf(kept, text, before)
        await storage.write([both === "" ? { delete: key } : { put: key, value: both }])
        return both
      })
      const channel = new BroadcastChannel(this.notesChannel)
      channel.postMessage(id)
      channel.close()
      return written
    },
    follow: (id, changed) => {
      const channel = new BroadcastChannel(this.notesChannel)
      channel.onmessage = ({ data }) => {
        if (data === id) changed()
      }
      return () => channel.close()
    },
    all: async () => {
      const kept = await (await this.storage()).under(["notes"])
      return new Map(kept.map(({ key, value }) => [String(key[1]), value as string]))
    },
  }

  async create(options: CreateOptions): Promise<{ id: string; link: string }> {
    const storage = await this.storage()
    const founded = await this.found(storage, options)
    const id = founded.state.sessionId
    const token = newToken()
    const core = await this.foundersCore(founded, token, options)
    const posted = core.posted?.kind === "create" ? core.posted.request : undefined
    const guest = founded.invites[1]
    if (!posted || !guest) throw new SessionFailure("internal")
    await storage.write([{ put: coreKey(id), value: core }])
    try {
      await new Transport(id, this.options.server).create(posted)
    } catch (error) {
      if (error instanceof Refusal) await forgetSession(storage, id)
      throw serverFailure(error)
    }
    await this.created(storage, core, founded)
    void navigatorStorage()?.persist().catch(() => undefined)
    return { id, link: linkOf(this.options.origin, id, guest.fragment) }
  }

  ahead(id: string, secret: string): Promise<boolean> {
    // A device that is in asks with its own token: only one that keeps nothing yet asks with the link's.
    const fresh = this.opened ? Promise.resolve(false) : Storage.isNew(this.options.database)
    const answer = (async () => ((await fresh) ? this.ask(id, secret) : undefined))()
    answer.catch(() => undefined)
    this.early = { id, secret, answer }
    this.storage().catch(() => undefined)
    // In a turn of its own: what was asked for leaves first. Who comes for the first time is shown the form before.
    void fresh.then((first) => {
      if (!first) setTimeout(() => void this.keys(id, secret, undefined).catch(() => undefined))
    })
    return fresh
  }

  prepare(id: string, secret: string, passcode?: string): void {
    const transport = new Transport(id, this.options.server)
    void this.keys(id, secret, passcode).then((keys) => {
      if (!keys.knock) makeReady(transport, toBase64Url(keys.accessToken), keys)
    }, () => undefined)
  }

  async look(id: string, secret: string, passcode?: string): Promise<LinkPreview> {
    const opening = this.storage()
    const making = this.keys(id, secret, passcode)
    const early = this.early?.id === id && this.early.secret === secret ? this.early.answer : undefined
    this.early = undefined
    const asking = (async () => (await early) ?? this.ask(id, secret, passcode))()
    asking.catch(() => undefined)
    const [keys, storage] = await Promise.all([making, opening])
    const kept = await storage.get(nameKey(id, keys.id))
    const ownName = typeof kept === "string" ? kept : ""
    try {
      const answer = await asking
      if (keys.knock) return { ownName, title: "", role: "guest", label: "", hosts: [], knock: true }
      const { door } = await openAnswer(keys, answer)
      const { invite, members, policy } = door
      this.roles.set(keys.id, invite.role)
      const inside = members.filter((member) => member.invite === invite.id).length
      if (!invite.open || inside >= invite.devices) throw new SessionFailure("link-used-up")
      const hosts = members.filter(({ role }) => role === "host")
      return {
        title: policy.settings.title,
        ...(policy.settings.starts === undefined ? {} : { starts: policy.settings.starts }),
        role: invite.role,
        label: invite.label,
        ownName,
        hosts: await Promise.all(
          hosts.map(async (host) => ({ name: host.name, identity: await recognise(storage, id, host, false) })),
        ),
      }
    } catch (error) {
      // The link is good; who is behind the door shows when a host has mended it.
      if (error instanceof DoorNotReady) return { title: "", role: "guest", label: "", ownName, hosts: [] }
      throw serverFailure(linkFailure(error, withPasscode(secret)))
    }
  }

  async join(id: string, secret: string, name: string, passcode?: string): Promise<SessionPage> {
    const storage = await this.storage()
    const keys = await this.keys(id, secret, passcode)
    const kept = (await storage.get(coreKey(id))) as Core | undefined
    if (kept?.phase !== "in" && kept?.phase !== "ended") {
      await this.keepJoin(storage, id, keys, name, kept)
    }
    const page = this.page(storage, id)
    try {
      await page.entered()
    } catch (error) {
      await page.closed()
      await forgetSession(storage, id)
      await storage.write([{ put: nameKey(id, keys.id), value: name }])
      if (withPasscode(secret) && error instanceof SessionFailure && error.reason === "link-refused") {
        throw new SessionFailure("passcode-wrong")
      }
      throw error
    }
    void navigatorStorage()?.persist().catch(() => undefined)
    return page
  }

  async keepName(id: string, secret: string, name: string, passcode?: string): Promise<void> {
    const storage = await this.storage()
    const keys = await this.keys(id, secret, passcode)
    await storage.write([{ put: nameKey(id, keys.id), value: name }], "relaxed")
  }

  async open(id: string): Promise<SessionPage | undefined> {
    const storage = await this.storage()
    if ((await storage.get(coreKey(id))) === undefined) return undefined
    const page = this.page(storage, id)
    await page.ready()
    return page
  }

  /** The door behind a link; rejects when the session is over, so that nobody writes a name first to hear of it. */
  private async ask(id: string, secret: string, passcode?: string): Promise<DoorAnswer> {
    const token = earlyToken(id, secret) ?? toBase64Url((await this.keys(id, secret, passcode)).accessToken)
    const transport = new Transport(id, this.options.server)
    const [answer, { ended, expiresAt }] = await Promise.all([transport.door(token), transport.session(token)])
    if (ended) throw new SessionFailure("ended")
    if (expiresAt > 0 && expiresAt < this.now()) throw new SessionFailure("expired")
    return answer
  }

  /** What a join needs, kept before it begins: a reload in the middle goes on with it. */
  private async keepJoin(
    storage: Storage,
    id: string,
    keys: InviteKeys,
    name: string,
    kept: Core | undefined,
  ): Promise<void> {
    if (kept?.phase === "joining" && kept.posted) return
    if (kept && kept.phase !== "joining") await forgetSession(storage, id)
    const known = await this.knownHost(id, keys)
    const core = newCore(
      {
        id,
        phase: "joining",
        state: undefined,
        token: kept?.phase === "joining" ? kept.token : newToken(),
        keys,
        introduction: { name, device: this.options.device, known },
      },
      this.now(),
    )
    // After a power cut the link is opened again; what is posted is durable before (§3.7), and this with it.
    await storage.write([{ put: coreKey(id), value: core }], "relaxed")
  }

  /** Hosts sign their leaf with the identity key of their device; the door tells whether the link is a host's. */
  private async knownHost(id: string, keys: InviteKeys): Promise<boolean> {
    const role = this.roles.get(keys.id)
    if (role !== undefined) return role === "host"
    try {
      const { door } = await fetchDoor(new Transport(id, this.options.server), toBase64Url(keys.accessToken), keys)
      return door.invite.role === "host"
    } catch {
      return false
    }
  }

  private async found(storage: Storage, options: CreateOptions): Promise<Founded> {
    return found({
      introduction: {
        name: options.name,
        device: this.options.device,
        identityKey: await ownIdentity(storage),
      },
      title: options.title,
      relayOnly: options.relayOnly ?? false,
      ...(options.starts === undefined ? {} : { starts: options.starts }),
      founder: { label: "", devices: 4 },
      invites: [
        {
          role: "guest",
          label: "",
          history: options.history ?? false,
          knock: options.knock ?? false,
          ...(options.passcode === undefined || options.passcode.trim() === "" ? {} : { passcode: options.passcode }),
        },
      ],
    })
  }

  private async foundersCore(founded: Founded, token: string, { name, lifetime }: CreateOptions): Promise<Core> {
    const { state, request, invites } = founded
    const [own] = invites
    if (!own) throw new SessionFailure("internal")
    const body: CreateRequest = {
      id: request.id,
      door: toBase64Url(request.door),
      keyBoxes: request.keyBoxes.map(({ invite, box }) => ({ invite, box: toBase64Url(box) })),
      invites: request.invites.map((row) => ({ ...row, accessTokenHash: toBase64Url(row.accessTokenHash) })),
      member: { ...request.member, tokenHash: await hashOf(fromBase64Url(token, 32)) },
      ...(lifetime === undefined ? {} : { lifetime }),
    }
    const core = newCore(
      {
        id: state.sessionId,
        phase: "in",
        state: encodeState(state),
        token,
        keys: own.keys,
        introduction: { name, device: this.options.device, known: true },
      },
      this.now(),
    )
    return {
      ...core,
      posted: { kind: "create", request: body },
      links: Object.fromEntries(invites.map(({ invite, fragment }) => [invite.id, fragment])),
      knockNames: Object.fromEntries(
        invites.filter(({ invite }) => invite.knock).map(({ invite, keys }) => [invite.id, keys.knockName]),
      ),
      since: { [state.self.memberId]: this.now() },
      identity: { [state.self.memberId]: "known" },
    }
  }

  /** The server has it. The first letter goes up now, as the page may be left at once. */
  private async created(storage: Storage, core: Core, founded: Founded): Promise<void> {
    const { id, token } = core
    const made: Core = { ...core, posted: undefined, doorDue: 1 }
    const fact = {
      seq: 0,
      at: this.now(),
      by: { memberId: founded.state.self.memberId, name: core.introduction.name, role: "host" },
      what: { kind: "event", event: { type: "created" } },
    }
    const { policy } = epochOf(founded.state)
    const { settings } = policy
    const { memberId } = founded.state.self
    const shown = { title: settings.title, starts: settings.starts, role: "host" as const, people: 1 }
    const knockable = hasKnockable(policy)
    const summary = summaryOf(made, { ...shown, self: memberId, others: [], head: 0, knockable })
    await storage.write([
      { put: coreKey(id), value: made },
      { put: summaryKey(id), value: summary },
      { put: ["facts", id, 0], value: [fact] },
    ])
    try {
      await putDoor(new Transport(id, this.options.server), token ?? "", founded.state)
    } catch {
      // It is still due, and put when the session is opened.
    }
  }

  private page(storage: Storage, id: string): SessionPage {
    const { server, origin, locks, now } = this.options
    const page = new SessionPage({ id, storage, server, origin, ...(locks ? { locks } : {}), ...(now ? { now } : {}) })
    this.pages.add(page)
    return page
  }

  /** Deriving takes a second with a passcode; looking and joining do it once. */
  private keys(id: string, secret: string, passcode: string | undefined): Promise<InviteKeys> {
    const name = JSON.stringify([id, secret, passcode])
    const known = this.derived.get(name)
    if (known) return known
    const keys = keysOf(id, secret, passcode)
    this.derived.set(name, keys)
    keys.catch(() => this.derived.delete(name))
    return keys
  }

  /** What is told is which notes, not what is in them. */
  private get notesChannel(): string {
    return `careseal/notes/${this.options.database ?? "careseal"}`
  }

  private storage(): Promise<Storage> {
    if (!supported()) return Promise.reject(new SessionFailure("unsupported-browser"))
    this.opened ??= Storage.open(this.options.database)
    this.opened.catch(() => (this.opened = undefined))
    return this.opened
  }

  private now(): number {
    return (this.options.now ?? Date.now)()
  }
}

/** As an earlier version of this client kept it. */
type KeptSummary = Omit<SessionSummary, "self" | "others" | "head"> & Partial<SessionSummary>

const whole = (kept: KeptSummary): SessionSummary => ({ self: "", others: [], head: 0, ...kept })

/** Notes that two tabs wrote at once: nothing of either is lost. What was only added is not said twice. */
function bothOf(kept: string, text: string, before: string): string {
  const own = text.startsWith(before) ? text.slice(before.length) : text
  return [kept, own].filter((part) => part.trim() !== "").join("\n")
}

const notesKey = (id: string) => ["notes", id] as const

function supported(): boolean {
  const needed = ["indexedDB", "BroadcastChannel", "fetch", "crypto"]
  return needed.every((name) => name in globalThis) && "subtle" in crypto
}

function navigatorStorage(): StorageManager | undefined {
  return (globalThis as { navigator?: { storage?: StorageManager } }).navigator?.storage
}

function withPasscode(secret: string): boolean {
  return /\.pk?$/.test(secret)
}

function serverFailure(error: unknown): unknown {
  if (error instanceof Unreachable) return new SessionFailure("server-unreachable")
  if (!(error instanceof Refusal)) return error
  if (error.problem === "too-many") return new SessionFailure("rate-limited")
  if (error.problem === "not-authorised" || error.problem === "forbidden") return new SessionFailure("not-allowed")
  return new SessionFailure("internal", error.message)
}

function newToken(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(32)))
}
