/** What a session description may say (docs/protocol.md §7.2): three sections, Opus and VP8 only, one certificate. */

/** A description that is not of the one shape a careseal call has. */
export class DescriptionRefused extends Error {
  constructor(readonly reason: string) {
    super(`session description refused: ${reason}`)
    this.name = "DescriptionRefused"
  }
}

/** Kinds of the three sections, in order: microphone, camera, screen. */
export const SECTIONS = ["audio", "video", "video"] as const

/** `rtx` carries VP8 packets once more; it is no codec of its own. */
const ALLOWED = { audio: new Set(["opus/48000"]), video: new Set(["vp8/90000", "rtx/90000"]) }

export interface Described {
  /** SHA-256 of the certificate (32 bytes), the same in all sections. */
  fingerprint: Uint8Array
}

/** Refuses a description with other sections or codecs, or with more than one certificate. */
export function readDescription(sdp: string): Described {
  const [session, ...sections] = split(sdp)
  if (session === undefined || sections.length !== SECTIONS.length) refuse("sections")
  SECTIONS.forEach((kind, index) => checkSection(sections[index] ?? [], kind))
  const prints = new Set([session, ...sections].flatMap(fingerprintsOf))
  const [print] = prints
  if (print === undefined || prints.size !== 1) refuse("fingerprint")
  for (const section of sections) {
    if (fingerprintsOf(section).length === 0 && fingerprintsOf(session).length === 0) refuse("fingerprint")
  }
  return { fingerprint: parseFingerprint(print) }
}

/** Whether a certificate (DER) is the one that was described. */
export async function isDescribed(described: Described, certificate: BufferSource): Promise<boolean> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", certificate))
  return (
    digest.length === described.fingerprint.length &&
    digest.every((byte, index) => byte === described.fingerprint[index])
  )
}

/**
 * Takes out what is said of codecs that a section does not have: Firefox leaves it behind `setCodecPreferences`, and
 * Chromium refuses it.
 */
export function tidy(sdp: string): string {
  const sections = split(sdp).map((lines) => {
    const payloads = new Set(lines[0]?.startsWith("m=") ? lines[0].split(" ").slice(3) : [])
    return lines.filter((line) => {
      const about = /^a=(?:rtcp-fb|fmtp|rtpmap):(\d+) /.exec(line)?.[1]
      return about === undefined || payloads.has(about)
    })
  })
  return sections.flat().join("\r\n")
}

function refuse(cause: string): never {
  throw new DescriptionRefused(cause)
}

/** Lines of the session part, then of each section. */
function split(sdp: string): string[][] {
  const parts: string[][] = [[]]
  for (const line of sdp.split(/\r?\n/)) {
    if (line.startsWith("m=")) parts.push([])
    parts.at(-1)?.push(line)
  }
  return parts
}

function checkSection(lines: string[], kind: "audio" | "video"): void {
  const media = /^m=(\w+) (\d+) (\S+) ([\d ]+)$/.exec(lines[0] ?? "")
  if (media?.[1] !== kind) refuse("section kind")
  if (media[2] === "0" && !lines.includes("a=bundle-only")) refuse("rejected section")
  if (media[3] !== "UDP/TLS/RTP/SAVPF") refuse("transport")
  const codecs = new Map(
    lines.flatMap((line) => {
      const map = /^a=rtpmap:(\d+) (\S+)$/.exec(line)
      return map ? [[map[1], map[2]?.toLowerCase().replace(/^(opus\/48000)\/2$/, "$1")] as const] : []
    }),
  )
  for (const payload of media[4]?.split(" ") ?? []) {
    const codec = codecs.get(payload)
    if (codec === undefined || !ALLOWED[kind].has(codec)) refuse("codec")
  }
}

function fingerprintsOf(lines: string[]): string[] {
  return lines.filter((line) => line.startsWith("a=fingerprint:")).map((line) => line.slice(14).trim())
}

function parseFingerprint(text: string): Uint8Array {
  const hex = /^sha-256 ((?:[0-9a-f]{2}:){31}[0-9a-f]{2})$/i.exec(text)?.[1] ?? refuse("fingerprint")
  return Uint8Array.from(hex.split(":"), (byte) => Number.parseInt(byte, 16))
}
