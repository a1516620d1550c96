/** The record of a visit, built on this device from what it can read. Pure. */
import { type Participant, type TimelineItem } from "../../lib/session/types"

export interface RecordSource {
  title: string
  madeAt: number
  participants: readonly Participant[]
  timeline: readonly TimelineItem[]
}

export interface RecordWords {
  language: string
  direction: string
  heading: string
  made: string
  people: string
  messages: string
  time: (at: number) => string
  role: (role: "host" | "guest") => string
  event: (item: Extract<TimelineItem, { kind: "event" }>) => string
  file: (name: string, size: number) => string
  somebody: string
}

interface RecordEntry {
  at: string
  kind: TimelineItem["kind"]
  from?: string
  text?: string
  file?: { name: string; size: number; mime: string }
  event?: unknown
  reply?: string
  id?: string
}

/** Everything but keys and thumbnails. */
export function recordJson(source: RecordSource): string {
  const entries = source.timeline.map((item): RecordEntry => {
    const base = { at: new Date(item.at).toISOString(), kind: item.kind, ...(item.sender ? { from: item.sender.name } : {}) }
    if (item.kind === "event") return { ...base, event: item.event }
    if (item.kind === "file") {
      const { name, size, mime } = item.file
      return { ...base, id: item.key, file: { name, size, mime } }
    }
    return { ...base, id: item.key, text: item.text, ...(item.reply ? { reply: item.reply } : {}) }
  })
  const people = source.participants.map(({ name, role, label, devices }) => ({
    name,
    role,
    label,
    devices: devices.map(({ device }) => device),
  }))
  return JSON.stringify(
    { title: source.title, madeAt: new Date(source.madeAt).toISOString(), participants: people, entries },
    null,
    2,
  )
}

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" }
const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => escapes[c] ?? c)

const look = `body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
li{margin:.5rem 0}ol{list-style:none;padding:0}time{color:#54605d;font-size:.875rem}p{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}`

/** A page without any code, that loads nothing. */
export function recordHtml(source: RecordSource, words: RecordWords): string {
  const people = source.participants
    .map(({ name, role }) => `<li>${escape(words.role(role))}: <bdi>${escape(name)}</bdi></li>`)
    .join("\n")
  const entries = source.timeline.map((item) => `<li>${entryHtml(item, words)}</li>`).join("\n")
  const title = escape(source.title || words.heading)
  return `<!doctype html>
<html lang="${escape(words.language)}" dir="${escape(words.direction)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${look}</style>
</head>
<body>
<h1><bdi>${title}</bdi></h1>
<p>${escape(words.made)}</p>
<h2>${escape(words.people)}</h2>
<ul>
${people}
</ul>
<h2>${escape(words.messages)}</h2>
<ol>
${entries}
</ol>
</body>
</html>
`
}

function entryHtml(item: TimelineItem, words: RecordWords): string {
  const time = `<time datetime="${new Date(item.at).toISOString()}">${escape(words.time(item.at))}</time>`
  if (item.kind === "event") return `${time} <p>${escape(words.event(item))}</p>`
  const from = `<b><bdi>${escape(item.sender?.name ?? words.somebody)}</bdi></b>`
  const body = item.kind === "file" ? words.file(item.file.name, item.file.size) : item.text
  return `${time} ${from} <p dir="auto">${escape(body)}</p>`
}
