/** Invitations as text: what stands in them, and addresses that open the program that sends them. Pure. */

/** Placeholders of a text; an empty value takes its line away. */
export interface InvitationValues {
  name: string
  clinic: string
  time: string
  link: string
}

export const placeholders = ["name", "clinic", "time", "link"] as const satisfies readonly (keyof InvitationValues)[]

/** Puts the values in. A text that forgot the link has it at the end: without it the invitation is of no use. */
export function compose(text: string, values: InvitationValues): string {
  const lines = text.split(/\r?\n/).flatMap((line) => {
    const named = placeholders.filter((name) => line.includes(`{${name}}`))
    if (named.some((name) => values[name] === "")) return []
    return [line.replace(/\{(name|clinic|time|link)\}/g, (_, name: keyof InvitationValues) => values[name])]
  })
  const whole = lines.join("\n").replace(/\n{3,}/g, "\n\n").trim()
  return whole.includes(values.link) ? whole : `${whole}\n${values.link}`
}

/** RFC 6068: lines end with CRLF. */
export const mailAddress = (subject: string, body: string): string =>
  `mailto:?subject=${encodeURIComponent(subject)}&body=${encodeURIComponent(body.replace(/\n/g, "\r\n"))}`

/** RFC 5724 has `?body=`, one maker's telephones want `&body=`: all take both together. */
export const messageAddress = (body: string): string => `sms:?&body=${encodeURIComponent(body)}`

/** A time for somebody who may live elsewhere: in full, with the name of the zone. */
export function timeFor(language: string, at: number, timeZone?: string): string {
  return new Intl.DateTimeFormat(language, {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
    hour: "numeric",
    minute: "2-digit",
    timeZoneName: "short",
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(at)
}
