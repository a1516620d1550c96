import { expect, test } from "vitest"
import { dimensionsOf, isDrawable } from "./dimensions.ts"
import { sniff } from "./sniff.ts"

const bytes = (...pieces: (string | number[])[]): Uint8Array =>
  Uint8Array.from(pieces.flatMap((piece) => (typeof piece === "string" ? Array.from(piece, (c) => c.charCodeAt(0)) : piece)))

const png = (width: number, height: number) =>
  bytes([0x89], "PNG\r\n", [0x1a, 0x0a], [0, 0, 0, 13], "IHDR", be(width, 4), be(height, 4), [8, 2, 0, 0, 0])
const be = (n: number, length: number) => Array.from({ length }, (_, i) => (n >>> (8 * (length - 1 - i))) & 255)
const le = (n: number, length: number) => be(n, length).reverse()

test.each<[string, Uint8Array, object]>([
  ["PNG", png(1, 1), { kind: "picture", type: "image/png" }],
  ["JPEG", bytes([0xff, 0xd8, 0xff, 0xe0]), { kind: "picture", type: "image/jpeg" }],
  ["WebP", bytes("RIFF", [0, 0, 0, 0], "WEBPVP8L"), { kind: "picture", type: "image/webp" }],
  ["WAVE", bytes("RIFF", [0, 0, 0, 0], "WAVEfmt "), { kind: "audio", type: "audio/wav" }],
  ["MP3 with a tag", bytes("ID3", [4, 0]), { kind: "audio", type: "audio/mpeg" }],
  ["MP3 without", bytes([0xff, 0xfb, 0x90, 0x64]), { kind: "audio", type: "audio/mpeg" }],
  ["AAC of iPhones", bytes([0, 0, 0, 28], "ftypM4A "), { kind: "audio", type: "audio/mp4" }],
  ["sound in MP4", bytes([0, 0, 0, 28], "ftypisom", [0, 0], "moovhdlrsoun"), { kind: "audio", type: "audio/mp4" }],
  ["film in MP4", bytes([0, 0, 0, 28], "ftypisom", [0, 0], "hdlrsoun hdlrvide"), { kind: "video", type: "video/mp4" }],
  ["film of iPhones", bytes([0, 0, 0, 20], "ftypqt  "), { kind: "video", type: "video/mp4" }],
  ["sound in WebM", bytes([0x1a, 0x45, 0xdf, 0xa3], "webm", "A_OPUS"), { kind: "audio", type: "audio/webm" }],
  ["film in WebM", bytes([0x1a, 0x45, 0xdf, 0xa3], "webm", "V_VP8", "A_OPUS"), { kind: "video", type: "video/webm" }],
  ["Opus in Ogg", bytes("OggS", [0], "OpusHead"), { kind: "audio", type: "audio/ogg" }],
  ["PDF", bytes("%PDF-1.7\n"), { kind: "pdf", type: "application/pdf" }],
  ["PDF behind what a scanner put first", bytes("junk\n", "%PDF-1.7\n"), { kind: "pdf", type: "application/pdf" }],
  ["HEIC", bytes([0, 0, 0, 24], "ftypheic"), { kind: "none", what: "camera-picture" }],
  ["HTML", bytes("\n <!DOCTYPE html><script>"), { kind: "none", what: "markup" }],
  ["SVG", bytes([0xef, 0xbb, 0xbf], "<svg onload=alert(1)>"), { kind: "none", what: "markup" }],
  ["HTML in UTF-16", bytes([0xff, 0xfe], "<\0h\0t\0m\0l\0"), { kind: "none", what: "markup" }],
  ["HTML with a PDF in it", bytes("<script>%PDF-1.7"), { kind: "none", what: "markup" }],
  ["a program", bytes("MZ", [0x90, 0]), { kind: "none", what: "program" }],
  ["a text", bytes("Dear Dr Roe"), { kind: "none", what: "other" }],
  ["nothing", new Uint8Array(), { kind: "none", what: "other" }],
])("%s is told by its bytes", (_, head, content) => {
  expect(sniff(head)).toEqual(content)
})

test.each<[string, Parameters<typeof dimensionsOf>[0], Uint8Array]>([
  ["PNG", "image/png", png(640, 480)],
  ["GIF", "image/gif", bytes("GIF89a", le(640, 2), le(480, 2))],
  ["BMP", "image/bmp", bytes("BM", le(0, 12), le(40, 4), le(640, 4), le(-480, 4))],
  [
    "JPEG behind a thumbnail in its EXIF",
    "image/jpeg",
    bytes([0xff, 0xd8, 0xff, 0xe1], be(12, 2), [0xff, 0xc0, 0, 11, 8, 0, 9, 0, 9, 1], [0xff, 0xff, 0xc2], be(11, 2), [8], be(480, 2), be(640, 2)),
  ],
  ["lossy WebP", "image/webp", bytes("RIFF", le(0, 4), "WEBPVP8 ", le(0, 4), [0, 0, 0, 0x9d, 1, 0x2a], le(640, 2), le(480, 2))],
  ["lossless WebP", "image/webp", bytes("RIFF", le(0, 4), "WEBPVP8L", le(0, 4), [0x2f], le(639 | (479 << 14), 4))],
  ["animated WebP", "image/webp", bytes("RIFF", le(0, 4), "WEBPVP8X", le(10, 4), le(0, 4), le(639, 3), le(479, 3))],
])("the size of a %s is read from its header", (_, type, head) => {
  expect(dimensionsOf(type, head)).toEqual({ width: 640, height: 480 })
  for (let length = 2; length < head.length; length += 1) {
    const cut = dimensionsOf(type, head.subarray(0, length))
    expect(cut === undefined || (cut.width === 640 && cut.height === 480)).toBe(true)
  }
})

test("a picture whose size is not told, is nothing or is enormous is not drawn", () => {
  expect(isDrawable(dimensionsOf("image/png", png(8000, 6000)))).toBe(true)
  expect(isDrawable(dimensionsOf("image/png", png(30_000, 30_000)))).toBe(false)
  expect(isDrawable(dimensionsOf("image/png", png(2 ** 31, 1)))).toBe(false)
  expect(isDrawable(dimensionsOf("image/png", png(0, 10)))).toBe(false)
  expect(isDrawable(dimensionsOf("image/jpeg", bytes([0xff, 0xd8, 0xff, 0xda, 0, 4, 0, 0])))).toBe(false)
  expect(isDrawable({ width: 2000, height: 2000 }, 1_000_000)).toBe(false)
})
