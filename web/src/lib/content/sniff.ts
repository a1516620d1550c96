/** What bytes are, told by the bytes alone: names and types are what somebody says. Only what is listed here is ever shown. */

export type Content =
  | { kind: "picture"; type: "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/bmp" }
  | { kind: "audio" | "video" | "pdf"; type: string }
  /** `markup`: a page or a drawing that could carry code. `camera-picture`: HEIC and its kin, which few browsers draw. */
  | { kind: "none"; what: "markup" | "program" | "camera-picture" | "other" }

/** Bytes of a file's start that are looked at. */
const lookedAt = 4096

export function sniff(start: Uint8Array): Content {
  const head = start.subarray(0, lookedAt)
  for (const [bytes, content] of signatures) if (begins(head, 0, bytes)) return content
  if (begins(head, 0, "RIFF")) return riff(head)
  if (begins(head, 4, "ftyp")) return isoMedia(head)
  if (begins(head, 0, "OggS")) return ogg(head)
  if (begins(head, 0, [0x1a, 0x45, 0xdf, 0xa3])) return matroska(head)
  if (isMpegAudio(head)) return { kind: "audio", type: "audio/mpeg" }
  if (isMarkup(head)) return { kind: "none", what: "markup" }
  if (find(head.subarray(0, 1024), "%PDF-")) return { kind: "pdf", type: "application/pdf" }
  return { kind: "none", what: "other" }
}

const program: Content = { kind: "none", what: "program" }

const signatures: readonly [string | readonly number[], Content][] = [
  [[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], { kind: "picture", type: "image/png" }],
  [[0xff, 0xd8, 0xff], { kind: "picture", type: "image/jpeg" }],
  ["GIF87a", { kind: "picture", type: "image/gif" }],
  ["GIF89a", { kind: "picture", type: "image/gif" }],
  ["BM", { kind: "picture", type: "image/bmp" }],
  ["fLaC", { kind: "audio", type: "audio/flac" }],
  ["ID3", { kind: "audio", type: "audio/mpeg" }],
  [[0xff, 0xf1], { kind: "audio", type: "audio/aac" }],
  [[0xff, 0xf9], { kind: "audio", type: "audio/aac" }],
  ["MZ", program],
  [[0x7f, 0x45, 0x4c, 0x46], program],
  [[0xcf, 0xfa, 0xed, 0xfe], program],
  ["#!", program],
]

function riff(head: Uint8Array): Content {
  if (begins(head, 8, "WEBP")) return { kind: "picture", type: "image/webp" }
  if (begins(head, 8, "WAVE")) return { kind: "audio", type: "audio/wav" }
  return { kind: "none", what: "other" }
}

const cameraBrands = ["heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1", "avif", "avis"]

function isoMedia(head: Uint8Array): Content {
  if (cameraBrands.some((brand) => begins(head, 8, brand))) return { kind: "none", what: "camera-picture" }
  const onlySound = begins(head, 8, "M4A ") || begins(head, 8, "M4B ") || (find(head, "soun") && !find(head, "vide"))
  return onlySound ? { kind: "audio", type: "audio/mp4" } : { kind: "video", type: "video/mp4" }
}

function ogg(head: Uint8Array): Content {
  const sound = ["OpusHead", "vorbis", "Speex", "FLAC"].some((codec) => find(head, codec))
  return sound && !find(head, "theora") ? { kind: "audio", type: "audio/ogg" } : { kind: "video", type: "video/ogg" }
}

function matroska(head: Uint8Array): Content {
  if (!find(head, "webm")) return { kind: "none", what: "other" }
  return find(head, "A_") && !find(head, "V_") ? { kind: "audio", type: "audio/webm" } : { kind: "video", type: "video/webm" }
}

/** A frame of MPEG audio: eleven bits set, a layer, a bit rate and a sampling rate that exist. */
function isMpegAudio([first = 0, second = 0, third = 0]: Uint8Array): boolean {
  return first === 0xff && (second & 0xe0) === 0xe0 && (second & 0x06) !== 0 && third >> 4 !== 15 && (third & 0x0c) !== 0x0c
}

/** What an HTML or XML reader would take: the first thing that is no space is "<", in whatever Unicode. */
function isMarkup(head: Uint8Array): boolean {
  const [a, b] = head
  const encoding = a === 0xff && b === 0xfe ? "utf-16le" : a === 0xfe && b === 0xff ? "utf-16be" : "utf-8"
  return new TextDecoder(encoding).decode(head).trimStart().startsWith("<")
}

function begins(bytes: Uint8Array, at: number, wanted: string | readonly number[]): boolean {
  for (let i = 0; i < wanted.length; i += 1)
    if (bytes[at + i] !== (typeof wanted === "string" ? wanted.charCodeAt(i) : wanted[i])) return false
  return true
}

function find(bytes: Uint8Array, wanted: string): boolean {
  for (let at = bytes.indexOf(wanted.charCodeAt(0)); at !== -1; at = bytes.indexOf(wanted.charCodeAt(0), at + 1))
    if (begins(bytes, at, wanted)) return true
  return false
}
