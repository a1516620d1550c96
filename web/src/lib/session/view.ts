/** All that a page shows of a session, as one plain value that can cross to another tab. */
import { timelinePatch, patched, type TimelinePatch } from "./timeline.ts"
import {
  type Alarm,
  type Carrying,
  type Connection,
  type FrameKeys,
  type HistoryRequest,
  type Invite,
  type Late,
  type Member,
  type Participant,
  type Peer,
  type Phase,
  type SecurityCode,
  type TimelineItem,
  type Waiting,
} from "./types.ts"

export interface View {
  phase: Phase
  connection: Connection
  title: string
  starts: number | undefined
  relayOnly: boolean
  self: Member | undefined
  participants: readonly Participant[]
  invites: readonly Invite[]
  typing: readonly string[]
  alarms: readonly Alarm[]
  carrying: Carrying | "offered" | undefined
  code: SecurityCode | undefined
  unsent: number
  departing: boolean
  seenUpTo: number
  historyRequests: readonly HistoryRequest[]
  waiting: readonly Waiting[]
  late: Late | undefined
  peers: readonly Peer[]
  frameKeys: FrameKeys | undefined
}

/** What changed; the timeline by its places. */
export interface Patch {
  view: Partial<View>
  timeline?: TimelinePatch
}

export const emptyView: View = {
  phase: { kind: "loading" },
  connection: "reconnecting",
  title: "",
  starts: undefined,
  relayOnly: false,
  self: undefined,
  participants: [],
  invites: [],
  typing: [],
  alarms: [],
  carrying: undefined,
  code: undefined,
  unsent: 0,
  departing: false,
  seenUpTo: 0,
  historyRequests: [],
  waiting: [],
  late: undefined,
  peers: [],
  frameKeys: undefined,
}

/** The newest view, and who is told what changed: at most once a task, however many changes there were. */
export class Showing {
  private view = emptyView
  private timeline: readonly TimelineItem[] = []
  private told: { view: View; timeline: readonly TimelineItem[] } = { view: emptyView, timeline: [] }
  private due = false

  constructor(private readonly tell: (patch: Patch) => void) {}

  get now(): View {
    return this.view
  }

  change(part: Partial<View>, timeline?: readonly TimelineItem[]): void {
    this.view = { ...this.view, ...part }
    if (timeline) this.timeline = timeline
    if (this.due) return
    this.due = true
    setTimeout(() => this.flush(), 0)
  }

  whole(): Patch {
    return { view: this.view, timeline: { length: this.timeline.length, changed: [...this.timeline.entries()] } }
  }

  flush(): void {
    this.due = false
    const view = changed(this.told.view, this.view)
    const timeline = this.timeline === this.told.timeline ? undefined : timelinePatch(this.told.timeline, this.timeline)
    this.told = { view: this.view, timeline: this.timeline }
    if (timeline === undefined && Object.keys(view).length === 0) return
    this.tell({ view, ...(timeline ? { timeline } : {}) })
  }
}

function changed(before: View, next: View): Partial<View> {
  const part: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(next)) {
    if (!same(before[name as keyof View], value)) part[name] = value
  }
  return part
}

/** Equal in all that can be seen: plain values, arrays, objects and byte strings. */
export function same(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length || Array.isArray(a) !== Array.isArray(b)) return false
  return names.every((name) => same((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]))
}

export { patched }
