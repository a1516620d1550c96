/** The record of a visit (docs/record.md), built on this device from what it can read. Pure. */
import { type Participant, type TimelineItem } from "../../lib/session/types"

export interface RecordSource {
  id: string
  title: string
  /** The time agreed, ms. */
  starts?: number
  madeAt: number
  participants: readonly Participant[]
  timeline: readonly TimelineItem[]
  /** Where files lie beside the record, by the keys of their messages. */
  files?: ReadonlyMap<string, string>
  /** Private notes, where the clinician wants them in it. */
  notes?: string
}

export interface RecordWords {
  language: string
  direction: string
  heading: string
  made: string
  starts: string
  people: string
  messages: string
  notes: string
  day: (at: number) => string
  /** Time of the day. */
  clock: (at: number) => string
  role: (role: "host" | "guest") => string
  event: (item: Extract<TimelineItem, { kind: "event" }>) => string
  file: (name: string, size: number) => string
  withdrawn: (was: "text" | "file") => string
  answers: (name: string) => string
  edited: string
  unsent: (what: Unsent) => string
  somebody: string
}

/** Own words that the others never had: a message, or a change of one that they have as it was. */
type Unsent = "message" | "change"

function unsentOf(item: TimelineItem): Unsent | undefined {
  if (item.kind === "event" || !["waiting", "sending", "failed"].includes(item.state ?? "")) return undefined
  return item.seq === undefined ? "message" : "change"
}

interface RecordEntry {
  at: string
  kind: TimelineItem["kind"]
  from?: string
  text?: string
  file?: { name: string; size: number; mime: string; path?: string }
  event?: unknown
  reply?: string
  id?: string
  edited?: true
  withdrawn?: true
  unsent?: Unsent
  reactions?: { emoji: string; from: string[] }[]
}

const time = (at: number): string => new Date(at).toISOString()

/** Everything but keys and thumbnails, in the shape of docs/record.md. */
export function recordJson(source: RecordSource): string {
  const { id, title, starts, madeAt, participants, timeline, notes } = source
  const people = participants.map(({ name, role, label, devices }) => ({
    name,
    role,
    label,
    devices: devices.map(({ device }) => device),
  }))
  const record = {
    format: "careseal-record",
    version: 1,
    session: id,
    title,
    ...(starts === undefined ? {} : { starts: time(starts) }),
    madeAt: time(madeAt),
    participants: people,
    entries: timeline.map((item) => entryOf(item, source)),
    ...(notes === undefined ? {} : { notes }),
  }
  return `${JSON.stringify(record, null, 2)}\n`
}

function entryOf(item: TimelineItem, { participants, files }: RecordSource): RecordEntry {
  const base = { at: time(item.at), kind: item.kind, ...(item.sender ? { from: item.sender.name } : {}) }
  if (item.kind === "event") return { ...base, event: item.event }
  const { message: id, reactions } = item
  const own = participants.find(({ self }) => self)?.name ?? ""
  const felt = reactions?.map(({ emoji, names, own: mine }) => ({ emoji, from: mine ? [...names, own] : [...names] }))
  const unsent = unsentOf(item)
  const message = { ...base, id, ...(unsent ? { unsent } : {}), ...(felt ? { reactions: felt } : {}) }
  if (item.kind === "withdrawn") return { ...message, kind: item.was, withdrawn: true }
  if (item.kind === "file") {
    const { name, size, mime } = item.file
    const path = files?.get(item.key)
    return { ...message, file: { name, size, mime, ...(path === undefined ? {} : { path }) } }
  }
  const { text, reply, edited } = item
  return { ...message, text, ...(edited ? { edited } : {}), ...(reply ? { reply } : {}) }
}

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }
const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => escapes[c] ?? c)

const look = `:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.25rem;margin-top:2rem}h3{font-size:1rem;margin:1.5rem 0 .5rem}
ol{list-style:none;padding:0}li{margin:.75rem 0;break-inside:avoid}
p{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
blockquote{margin:.25rem 0;padding-inline-start:.75rem;border-inline-start:3px solid;opacity:.8}
time,.small{font-size:.875rem}code{overflow-wrap:anywhere}
@media print{body{max-width:none;margin:0}h2,h3{break-after:avoid}}`

/** A page without any code, that loads nothing and can be printed. */
export function recordHtml(source: RecordSource, words: RecordWords): string {
  const people = source.participants
    .map(({ name, role }) => `<li>${escape(words.role(role))}: <bdi>${escape(name)}</bdi></li>`)
    .join("\n")
  const title = escape(source.title || words.heading)
  const notes =
    source.notes === undefined ? "" : `<h2>${escape(words.notes)}</h2>\n<p dir="auto">${escape(source.notes)}</p>\n`
  return `<!doctype html>
<html lang="${escape(words.language)}" dir="${escape(words.direction)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${look}</style>
</head>
<body>
<main>
<h1><bdi>${title}</bdi></h1>
<p class="small">${escape(words.made)}</p>
${words.starts === "" ? "" : `<p>${escape(words.starts)}</p>\n`}<h2>${escape(words.people)}</h2>
<ul>
${people}
</ul>
<h2>${escape(words.messages)}</h2>
${days(source, words)}
${notes}</main>
</body>
</html>
`
}

/** A list for each day. */
function days(source: RecordSource, words: RecordWords): string {
  const parts: string[] = []
  let day = ""
  for (const item of source.timeline) {
    const named = words.day(item.at)
    if (named !== day) parts.push(`${day === "" ? "" : "</ol>\n"}<h3>${escape(named)}</h3>\n<ol>`)
    day = named
    parts.push(`<li>${entryHtml(item, source, words)}</li>`)
  }
  return day === "" ? "" : `${parts.join("\n")}\n</ol>`
}

function entryHtml(item: TimelineItem, source: RecordSource, words: RecordWords): string {
  const at = `<time datetime="${time(item.at)}">${escape(words.clock(item.at))}</time>`
  if (item.kind === "event") return `${at} <p>${escape(words.event(item))}</p>`
  const unsent = unsentOf(item)
  const mark = unsent ? ` <i>(${escape(words.unsent(unsent))})</i>` : ""
  const from = `<b><bdi>${escape(item.sender?.name ?? words.somebody)}</bdi></b>${mark}`
  if (item.kind === "withdrawn") return `${at} ${from} <p><i>${escape(words.withdrawn(item.was))}</i></p>`
  const felt = item.reactions?.map(({ emoji, names, own }) => `${escape(emoji)} ${names.length + (own ? 1 : 0)}`).join(" ")
  const reactions = felt ? `<p>${felt}</p>` : ""
  if (item.kind === "file") {
    const path = source.files?.get(item.key)
    // No link: what somebody sent is opened by a program that the reader chooses, not by this page.
    const place = path === undefined ? "" : ` <code dir="ltr">${escape(path)}</code>`
    return `${at} ${from} <p dir="auto">${escape(words.file(item.file.name, item.file.size))}${place}</p>${reactions}`
  }
  const edited = item.edited ? ` <i>(${escape(words.edited)})</i>` : ""
  return `${at} ${from}${edited} ${quoted(item.reply, source, words)}<p dir="auto">${escape(item.text)}</p>${reactions}`
}

const longestQuote = 120

function quoted(reply: string | undefined, { timeline }: RecordSource, words: RecordWords): string {
  const of = reply === undefined ? undefined : timeline.find((item) => item.kind !== "event" && item.message === reply)
  if (!of || of.kind === "event") return ""
  const said = of.kind === "file" ? of.file.name : of.kind === "withdrawn" ? words.withdrawn(of.was) : of.text
  const characters = Array.from(said)
  const short = characters.length > longestQuote ? `${characters.slice(0, longestQuote).join("")}…` : said
  const who = words.answers(of.sender?.name ?? words.somebody)
  return `<blockquote><p class="small">${escape(who)}</p><p dir="auto">${escape(short)}</p></blockquote>`
}
