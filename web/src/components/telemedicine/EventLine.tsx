import { fullTime, length, timeOfDay } from "../../i18n/format"
import { sayAny, t, type Key } from "../../i18n/index"
import { AnyWords } from "../../i18n/Words"
import { type EventItem } from "../../lib/session/types"
import { causeWords } from "./causes"
import { type Row } from "./timeline"

/** Something that happened, in the middle of the timeline. */
export function EventLine({ row: { key, item } }: { row: Extract<Row, { kind: "event" }> }) {
  const [sentence, values] = said(item)
  return (
    <li class={`event${isTrouble(item) ? " trouble" : ""}`} data-row={key}>
      <span>
        <AnyWords k={sentence} values={values} />
      </span>{" "}
      <time dateTime={new Date(item.at).toISOString()} title={fullTime(item.at)}>
        {timeOfDay(item.at)}
      </time>
    </li>
  )
}

const trouble: ReadonlySet<EventItem["event"]["type"]> = new Set(["commit-refused", "refused", "unreadable"])
const isTrouble = (item: EventItem): boolean => trouble.has(item.event.type)

type Said = readonly [key: Key, values: Readonly<Record<string, string | number>>]

/** An event as plain text. */
export function eventWords(item: EventItem): string {
  const [key, values] = said(item)
  return sayAny(key, values)
}

/** The key and values of an event's sentence, for elements and for plain text alike. */
function said(item: EventItem): Said {
  const { event } = item
  const who = item.sender?.self ? t("call.you") : (item.sender?.name ?? t("somebody"))
  switch (event.type) {
    case "created":
      return ["event.created", {}]
    case "joined":
      if (event.resync) return ["event.resync", { name: event.name, device: event.device }]
      return event.second
        ? ["event.joinedSecond", { name: event.name, device: event.device }]
        : ["event.joined", { name: event.name, role: t(`role.${event.role}`), device: event.device }]
    case "removed":
      return ["event.removed", { name: event.name }]
    case "admitted":
      return ["event.admitted", { name: event.name }]
    case "late":
      return ["event.late", { name: who, count: event.minutes }]
    case "left":
      return ["event.left", { name: event.name }]
    case "invite-made":
      return event.label ? ["event.inviteMade", { label: event.label }] : ["event.inviteMadePlain", {}]
    case "invite-closed":
      return event.label ? ["event.inviteClosed", { label: event.label }] : ["event.inviteClosedPlain", {}]
    case "scheduled":
      return event.starts === undefined ? ["event.unscheduled", { name: who }] : ["event.scheduled", { name: who, time: fullTime(event.starts) }]
    case "call":
      if (item.sender?.self && event.event === "missed") return ["event.call.ownMissed", {}]
      if (item.sender?.self && event.event === "declined") return ["event.call.ownDeclined", {}]
      if (event.event !== "ended") return [`event.call.${event.event}`, { name: who }]
      return event.seconds ? ["event.call.ended", { length: length(event.seconds) }] : ["event.call.endedPlain", {}]
    case "history-given":
      return ["event.historyGiven", { name: event.name }]
    case "commit-refused":
      return ["event.commitRefused", { who: event.who || t("somebody"), cause: causeWords(event.cause) }]
    case "refused":
      return ["event.refused", { cause: causeWords(event.cause) }]
    case "unsupported":
      return ["event.unsupported", { payload: event.payload }]
    case "unreadable":
      return ["event.unreadable", {}]
    case "ended":
      return ["event.ended", {}]
  }
}
