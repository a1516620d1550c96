/** A calendar entry for a visit (RFC 5545), made on this device. Pure. */
export interface Entry {
  /** The same for the same visit: a changed time moves the entry. */
  uid: string
  /** ms since 1970 */
  starts: number
  minutes: number
  title: string
  text: string
  /** Left out, the entry does not lead into the visit. */
  link?: string
  /** When the file is made, ms. */
  now: number
}

export function calendarFile({ uid, starts, minutes, title, text, link, now }: Entry): string {
  const lines = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//careseal//visit//EN",
    "METHOD:PUBLISH",
    "BEGIN:VEVENT",
    `UID:${escaped(uid)}`,
    `DTSTAMP:${utc(now)}`,
    `SEQUENCE:${Math.floor(now / 1000) % 2_147_483_647}`,
    `DTSTART:${utc(starts)}`,
    `DTEND:${utc(starts + minutes * 60_000)}`,
    `SUMMARY:${escaped(title)}`,
    `DESCRIPTION:${escaped(link === undefined ? text : `${text}\n${link}`)}`,
    ...(link === undefined ? [] : [`URL:${link}`]),
    // Nobody else who looks at a shared calendar is to read it.
    "CLASS:PRIVATE",
    "BEGIN:VALARM",
    "ACTION:DISPLAY",
    "TRIGGER:-PT10M",
    `DESCRIPTION:${escaped(title)}`,
    "END:VALARM",
    "END:VEVENT",
    "END:VCALENDAR",
  ]
  return lines.map((line) => `${folded(line)}\r\n`).join("")
}

/** 20261201T133000Z */
const utc = (at: number): string => new Date(at).toISOString().replace(/[-:]|\.\d+/g, "")

/** RFC 5545 §3.3.11; what is left of control characters goes. */
const escaped = (text: string): string =>
  text
    .replace(/[\\;,]/g, "\\$&")
    .replace(/\r\n|[\r\n]/g, "\\n")
    .replace(/\p{Cc}/gu, "")

/** At most 75 bytes a line, whole characters (RFC 5545 §3.1). */
function folded(line: string): string {
  const pieces: string[] = []
  let piece = ""
  let size = 0
  for (const character of line) {
    const bytes = new TextEncoder().encode(character).length
    // Lines after the first begin with a space, which counts.
    if (size + bytes > (pieces.length === 0 ? 75 : 74)) {
      pieces.push(piece)
      piece = ""
      size = 0
    }
    piece += character
    size += bytes
  }
  return [...pieces, piece].join("\r\n ")
}
