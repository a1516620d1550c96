/** What a visit tells without being looked at: the tab's title, and words for screen readers. */
import { useEffect, useRef } from "preact/hooks"
import { nameOfWaiting, useWaitingBell } from "../../components/telemedicine/waitingBell"
import { announce } from "../../components/notices"
import { eventWords } from "../../components/telemedicine/EventLine"
import { isOthers, lastSeq } from "../../components/telemedicine/timeline"
import { t } from "../../i18n/index"
import { type Calls } from "../../lib/call/types"
import { type Participant, type Session, type TimelineItem } from "../../lib/session/types"
import { setTitle } from "../title"

export function useLive(session: Session, calls: Calls | undefined, unread: number): void {
  const call = calls?.state.value
  const title = session.title.value || t("title.default")
  const caller = call?.kind === "ringing-in" ? call.from.name : undefined
  const waiting = session.waiting.value
  const first = waiting[0] && nameOfWaiting(waiting[0])
  const shown =
    caller !== undefined ? t("title.calling", { name: caller }) : first ? t("title.waiting", { name: first }) : title
  useEffect(() => setTitle(shown, unread + waiting.length), [shown, unread, waiting.length])
  useWaitingBell(waiting)
  useSpokenTimeline(session.timeline.value)
  useSpokenPresence(session.participants.value)
}

/** Says what arrives while the page is open; not the past. */
function useSpokenTimeline(timeline: readonly TimelineItem[]): void {
  const said = useRef<number | undefined>(undefined)
  useEffect(() => {
    const from = said.current
    const until = lastSeq(timeline)
    if (timeline.length > 0) said.current = until
    if (from === undefined) return
    const fresh = timeline.filter(({ seq }) => seq !== undefined && seq > from && seq <= until)
    const words = fresh.slice(-3).map(spoken).filter((text) => text !== undefined)
    if (words.length > 0) announce(words.join(". "))
  }, [timeline])
}

function spoken(item: TimelineItem): string | undefined {
  if (item.kind === "event") return eventWords(item)
  if (!isOthers(item) || item.kind === "withdrawn") return undefined
  const text = item.kind === "file" ? t("chat.file", { name: item.file.name }) : item.text
  return t("chat.announce", { name: item.sender?.name ?? t("somebody"), text })
}

function useSpokenPresence(participants: readonly Participant[]): void {
  const before = useRef<ReadonlyMap<string, boolean> | undefined>(undefined)
  useEffect(() => {
    const now = new Map(participants.map(({ inviteId, here }) => [inviteId, here]))
    const changed = participants.filter(
      ({ inviteId, here, self }) => !self && before.current?.get(inviteId) === !here,
    )
    before.current = now
    for (const { name, here } of changed) announce(t(here ? "live.here" : "live.away", { name }))
  }, [participants])
}
