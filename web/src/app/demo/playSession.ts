import { type AccountSession } from "../account"
import { signal, type Signal } from "@preact/signals"
import {
  type Alarm,
  type Connection,
  type FileItem,
  type FileRef,
  type HistoryRequest,
  type Invite,
  type Late,
  type Member,
  type Participant,
  type Phase,
  type PrivateNotes,
  type SecurityCode,
  type Session,
  type SessionSummary,
  type SendState,
  type TextItem,
  type TimelineItem,
  type Transfer,
  type TransferState,
  type Waiting,
} from "../../lib/session/types"

export const demoId = "AAAAAAAAAAAAAAAAAAAAAA"
export const demoLink = `https://visit.example.org/telemedicine/${demoId}#${"A".repeat(42)}A`

const minute = 60_000
const start = Date.now() - 90 * minute

const member = (id: string, name: string, role: Member["role"], device: string, self: boolean, here = true): Member => ({
  id,
  leaf: 0,
  name,
  device,
  role,
  inviteId: `invite-${id}`,
  identity: role === "host" ? "known" : "none",
  self,
  here,
  since: start,
})

const roe = member("roe", "Dr Miriam Roe", "host", "Chrome on Linux", false)
const ann = member("ann", "Ann Lindqvist", "guest", "Safari on iPhone", true)
const omar = member("omar", "عمر الحداد", "guest", "Firefox on Android", false, false)

const person = (of: Member, label = ""): Participant => ({
  inviteId: of.inviteId,
  role: of.role,
  label,
  name: of.name,
  devices: [of],
  self: of.self,
  here: of.here,
  waiting: false,
})

const sender = (of: Member): NonNullable<TimelineItem["sender"]> => ({
  memberId: of.id,
  name: of.name,
  role: of.role,
  self: of.self,
})

let seq = 0
const text = (of: Member, words: string, after: number, state?: SendState, reply?: string): TextItem => ({
  kind: "text",
  key: `m${++seq}`,
  message: `m${seq}`,
  ...(state === "waiting" || state === "failed" || state === "sending" ? {} : { seq }),
  at: start + after * minute,
  sender: sender(of),
  text: words,
  ...(state ? { state } : {}),
  ...(reply ? { reply } : {}),
})

const event = (what: Extract<TimelineItem, { kind: "event" }>["event"], after: number, of?: Member): TimelineItem => ({
  kind: "event",
  key: `seq:${++seq}`,
  seq,
  at: start + after * minute,
  event: what,
  ...(of ? { sender: sender(of) } : {}),
})

function painted(): Promise<Uint8Array> {
  const canvas = document.createElement("canvas")
  canvas.width = 320
  canvas.height = 240
  const pen = canvas.getContext("2d")
  if (pen) {
    const sky = pen.createLinearGradient(0, 0, 0, 240)
    sky.addColorStop(0, "#bcd9dd")
    sky.addColorStop(1, "#f2e3cf")
    pen.fillStyle = sky
    pen.fillRect(0, 0, 320, 240)
    pen.fillStyle = "#43675f"
    pen.beginPath()
    pen.moveTo(0, 190)
    pen.lineTo(90, 110)
    pen.lineTo(150, 170)
    pen.lineTo(230, 90)
    pen.lineTo(320, 200)
    pen.lineTo(320, 240)
    pen.lineTo(0, 240)
    pen.fill()
  }
  return new Promise((resolve) => {
    canvas.toBlob((blob) => void blob?.arrayBuffer().then((buffer) => resolve(new Uint8Array(buffer))), "image/png")
  })
}

const thumb = await painted()

const fileRef = (name: string, mime: string, size: number, picture = false): FileRef => ({
  id: name,
  key: new Uint8Array(32),
  size,
  parts: 1,
  name,
  mime,
  ...(picture ? { thumb } : {}),
})

const file = (of: Member, ref: FileRef, after: number, state?: SendState): FileItem => ({
  kind: "file",
  key: `m${++seq}`,
  message: `m${seq}`,
  seq,
  at: start + after * minute,
  sender: sender(of),
  file: ref,
  ...(state ? { state } : {}),
})

function story(): TimelineItem[] {
  const question = text(roe, "Good morning! How was the night?", -1400)
  return [
    event({ type: "created" }, -1410),
    question,
    text(roe, "If the cough is back, take a picture of the spray bottle, so that I can see which one it is.", -1399),
    event({ type: "joined", name: "Ann Lindqvist", role: "guest", device: "Safari on iPhone", resync: false }, 0),
    text(ann, "Better, thank you. Only once awake.", 1, "seen", question.key),
    text(ann, "This is the one:", 1.2, "seen"),
    file(ann, fileRef("spray-bottle.png", "image/png", 1_834_000, true), 2, "seen"),
    event({ type: "joined", name: "عمر الحداد", role: "guest", device: "Firefox on Android", resync: false }, 3),
    text(omar, "مرحبا، أنا المترجم. Hello, I am the interpreter.", 4),
    text(roe, "Welcome. Here is the plan for the coming weeks: https://visit.example.org/plan(2026).\nPlease read it with Ann.", 20),
    file(roe, fileRef("Plan for the coming weeks.pdf", "application/pdf", 182_400), 21),
    event({ type: "call", call: "c", event: "ended", seconds: 754 }, 40, roe),
    text(ann, "That helps a lot. I shall measure every morning at eight and write the numbers down here.", 80, "delivered"),
  ]
}

function transfer(name: string, direction: "up" | "down", size: number, done: number, state: TransferState): Transfer {
  const now: Signal<TransferState> = signal(state)
  return {
    id: name,
    direction,
    name,
    mime: "application/octet-stream",
    size,
    done: signal(done),
    rate: signal(state === "running" ? 3_400_000 : 0),
    left: signal(state === "running" ? (size - done) / 3_400_000 : undefined),
    state: now,
    error: signal(undefined),
    needsFile: signal(state === "paused"),
    leftOut: signal([]),
    pause: () => void (now.value = "paused"),
    resume: () => void (now.value = "running"),
    cancel: () => void (now.value = "cancelled"),
    retry: () => void (now.value = "running"),
    provideFile: () => void (now.value = "running"),
  }
}

const alarms: readonly Alarm[] = [
  { kind: "fork", seq: 12, stops: true },
  { kind: "void-commit", seq: 9, who: "عمر الحداد", cause: "not a host", stops: false },
]

function timelineOf(scene: string): TimelineItem[] {
  if (scene === "chat-empty") return []
  const items = story()
  if (scene === "states") {
    items.push(text(ann, "This goes out now", 85, "sending"))
    items.push(text(ann, "This waits for the network, which is lost in the tunnel", 86, "waiting"))
    items.push(text(ann, "This did not go out", 87, "failed"))
  }
  if (scene === "changed") {
    const plan = text(roe, "Take one tablet in the morning and one in the evening, with a glass of water.", 84)
    items.push({ ...plan, edited: true, reactions: [{ emoji: "👍", names: ["عمر الحداد"], own: true }, { emoji: "🙏", names: [], own: false }] })
    items.push(text(ann, "With food or before?", 85, "seen", plan.message))
    items.push({ ...text(roe, "", 86), kind: "withdrawn", was: "text" })
    items.push({ ...text(ann, "I shall take it at breakfast then.", 87, "delivered"), reactions: [{ emoji: "❤️", names: ["Dr Miriam Roe"], own: false }] })
    items.push({ ...text(ann, "", 88, "delivered"), kind: "withdrawn", was: "file" })
    items.push(file(ann, { ...fileRef("voice.webm", "audio/webm", 41_000), voice: 14 }, 89, "seen"))
  }
  if (scene === "unread") items.push(text(roe, "Very good.", 88), text(roe, "See you on Thursday.", 88.2))
  if (scene === "long" || scene === "arriving") {
    for (let i = 0; i < 10_000; i++)
      items.push(text(i % 3 ? roe : ann, `Line ${i} of a long story`, 81 + i / 2000, i % 3 ? undefined : "seen"))
  }
  return items
}

const phases: Record<string, Phase> = {
  ended: { kind: "ended" },
  "host-ended": { kind: "ended" },
  removed: { kind: "removed" },
  left: { kind: "left" },
  door: { kind: "waiting-for-door" },
  knocking: { kind: "knocking", refused: false, since: Date.now() - 2 * minute },
  "knocking-refused": { kind: "knocking", refused: true, since: Date.now() - 2 * minute },
}

export function playSession(scene: string): Session {
  const host = scene.startsWith("host") || scene === "call-host"
  const self = host ? { ...roe, self: true } : ann
  const others = host ? [{ ...ann, self: false }, omar] : [roe, omar]
  const phase = signal<Phase>(phases[scene] ?? { kind: "joined" })
  const timeline = signal<readonly TimelineItem[]>(timelineOf(scene))
  if (scene === "arriving")
    setInterval(() => {
      timeline.value = [...timeline.value, { ...text(roe, "One more", 0), at: Date.now() }]
    }, 500)
  const change = ({ key }: { key: string }, next: TimelineItem) => {
    timeline.value = timeline.value.map((item) => (item.key === key ? next : item))
    return Promise.resolve()
  }
  const seen = signal(scene === "unread" ? seq - 2 : seq)
  const code = signal<SecurityCode | undefined>({
    groups: ["48213", "00917", "66204", "31985", "70042", "15558"],
    qr: `careseal:1:${demoId}:482130091766204319857004215558`,
    matched: scene === "matched",
  })
  const alone = scene === "alone" || scene === "host-alone"
  const interpreter: Invite = { id: "i1", role: "guest", label: "Interpreter", open: true, devices: 1, history: false, members: 0, used: false, link: demoLink }
  const invites: Invite[] = [
    interpreter,
    { id: "i2", role: "guest", label: "", open: true, devices: 1, history: false, members: 0, used: false, openedAt: Date.now() - 3 * minute },
  ]
  const waiting = signal<readonly Waiting[]>(
    scene.startsWith("host-waiting")
      ? [
          { key: "ann", name: "Ann Lindqvist", label: "", since: Date.now() - 7 * minute, here: true, asks: false, besides: "" },
          { key: "omar", name: "عمر الحداد", label: "Interpreter", since: Date.now() - minute, here: true, asks: true, besides: "" },
        ].slice(0, scene === "host-waiting" ? 1 : 2)
      : [],
  )
  const requests: HistoryRequest[] = [{ memberId: "omar", name: "عمر الحداد", sameParticipant: false }]
  return {
    id: demoId,
    phase,
    connection: signal<Connection>(scene === "states" ? "offline" : "online"),
    title: signal("Follow-up, Ann Lindqvist"),
    starts: signal<number | undefined>(scene.endsWith("agreed") ? Date.now() + 12 * minute : undefined),
    self: signal(self),
    waiting,
    late: signal<Late | undefined>(scene === "waiting-late" ? { minutes: 15, at: Date.now() - 4 * minute, name: roe.name } : undefined),
    participants: signal([scene.startsWith("waiting") ? { ...person(self), waiting: true } : person(self), ...(alone ? [] : others.map((of) => person(of, of === omar ? "Interpreter" : "")))]),
    invites: signal(host ? invites : []),
    timeline,
    typing: signal(scene === "chat" ? ["Dr Miriam Roe"] : []),
    carrying: signal(undefined),
    alarms: signal(scene === "alarm" ? alarms : []),
    code,
    departing: signal(false),
    unsent: signal(scene === "states" ? 3 : 0),
    seenUpTo: seen,
    historyRequests: signal(scene === "host-history" ? requests : []),
    transfers: {
      active: signal(
        scene === "files"
          ? [
              transfer("heart-ultrasound.mp4", "up", 104_857_600, 41_000_000, "running"),
              transfer("letter.pdf", "up", 3_000_000, 1_000_000, "paused"),
              transfer("Plan.pdf", "down", 182_400, 90_000, "failed"),
            ]
          : [],
      ),
      upload: () => Promise.resolve(),
      sendMade: () => Promise.resolve(),
      save: () => Promise.resolve(transfer("x", "down", 1, 1, "done")),
      saveArchive: () => Promise.resolve(transfer("x", "down", 1, 1, "done")),
      // eslint-disable-next-line @typescript-eslint/require-await
      async *open() {
        yield new Uint8Array(thumb)
      },
    },
    line: {
      peers: signal([]),
      frameKeys: signal(undefined),
      relayOnly: signal(false),
      send: () => Promise.resolve(),
      onSignal: () => () => undefined,
      iceServers: () => Promise.resolve([]),
      renew: () => Promise.resolve(),
      announce: () => Promise.resolve(),
      onCallEntry: () => () => undefined,
      raise: () => undefined,
      attend: () => undefined,
      hold: () => undefined,
    },
    sendText: (words) => {
      timeline.value = [...timeline.value, { ...text(self, words, 0, "sent"), at: Date.now() }]
      return Promise.resolve()
    },
    edit: (item, words) => change(item, { ...item, text: words, edited: true }),
    withdraw: (item) => {
      const { key, message, at, sender: by, kind } = item
      const was = kind === "file" ? "file" : "text"
      return change(item, { key, message, at, seq: at, ...(by ? { sender: by } : {}), kind: "withdrawn", was })
    },
    react: (item, emoji) => change(item, { ...item, reactions: emoji ? [{ emoji, names: [], own: true }] : [] }),
    retry: () => undefined,
    discard: (key) => void (timeline.value = timeline.value.filter((item) => item.key !== key)),
    markSeen: (place) => void (seen.value = place),
    noteTyping: () => undefined,
    draft: { read: () => Promise.resolve(""), write: () => undefined },
    invite: () => Promise.resolve({ link: demoLink, invite: interpreter }),
    closeInvite: () => Promise.resolve(),
    remove: () => Promise.resolve(),
    giveHistory: () => Promise.resolve(),
    declineHistory: () => undefined,
    admit: (keys) => Promise.resolve(void (waiting.value = waiting.value.filter(({ key }) => !keys.includes(key)))),
    refuse: (wanted) => Promise.resolve(void (waiting.value = waiting.value.filter(({ key }) => key !== wanted))),
    askAgain: () => Promise.resolve(),
    carryOn: () => Promise.resolve(),
    stopAsking: () => Promise.resolve(),
    runLate: () => Promise.resolve(),
    confirmCode: () => void (code.value = code.value && { ...code.value, matched: true }),
    retitle: () => Promise.resolve(),
    reschedule: () => Promise.resolve(),
    end: () => Promise.resolve(void (phase.value = { kind: "ended" })),
    leave: () => Promise.resolve(void (phase.value = { kind: "left" })),
    deleteFromDevice: () => Promise.resolve(),
    close: () => undefined,
  }
}

export function playNotes(): PrivateNotes {
  const kept = new Map([[`${"B".repeat(18)}001A`, "Ask for the second picture"]])
  return {
    read: (id) => Promise.resolve(kept.get(id) ?? ""),
    write: (id, text) => Promise.resolve(kept.set(id, text)).then(() => text),
    follow: () => () => undefined,
    all: () => Promise.resolve(kept),
  }
}

/** What the account's list says: somebody waits in the first, one is of another device. */
export const playAccount = (scene: string): AccountSession[] =>
  scene === "empty"
    ? []
    : [...summaries().map(({ id }, i) => ({ id, present: i === 0 ? ["ann"] : i === 1 ? ["omar", "me"] : [] })), { id: `${"C".repeat(20)}0A`, present: [] }].map(
        (session, i) => ({
          ...session,
          head: 1,
          createdAt: Date.now() - i * 3000 * minute,
          expiresAt: Date.now() + 20_000 * minute,
          lastActivityAt: Date.now() - (i * i * 400 + 1) * minute,
          ended: false,
        }),
      )

export const summaries = (many = 0): SessionSummary[] =>
  ["Follow-up, Ann Lindqvist", "Second opinion", "", "Ward round", ...Array.from({ length: many }, (_, i) => `Visit ${i + 5}`)].map((title, i) => ({
    id: `${"B".repeat(18)}${String(i).padStart(3, "0")}A`,
    title,
    role: "host",
    ...(i === 1 ? { starts: Date.now() + 90 * minute } : {}),
    lastActivityAt: Date.now() - i * i * 400 * minute,
    unread: i === 0 ? 2 : 0,
    people: 3 - (i % 3),
    self: "me",
    others: i === 1 ? [{ id: "omar", name: "عمر الحداد", role: "guest" }] : [{ id: "ann", name: "Ann Lindqvist", role: "guest" }],
    head: 9,
    phase: i === 3 ? "ended" : "joined",
  }))
