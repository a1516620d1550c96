/** How large a picture is, read from its header before anything decodes it: a few bytes can stand for gigabytes of pixels. */
import { type Content } from "./sniff.ts"

export interface Dimensions {
  width: number
  height: number
}

type PictureType = Extract<Content, { kind: "picture" }>["type"]

/** Pixels of a picture that is decoded: 64 million, 256 MiB once it is drawn. */
const mostPixels = 64_000_000
const longestEdge = 32_000

/** Whether a browser may be asked to decode it; one whose header tells no size may not. */
export function isDrawable(size: Dimensions | undefined, pixels = mostPixels): boolean {
  if (!size || size.width < 1 || size.height < 1) return false
  return size.width <= longestEdge && size.height <= longestEdge && size.width * size.height <= pixels
}

/** Undefined when the header is not whole or not what the type has. */
export function dimensionsOf(type: PictureType, bytes: Uint8Array): Dimensions | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  try {
    return readers[type](view)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

const readers: Record<PictureType, (view: DataView) => Dimensions | undefined> = {
  "image/png": (view) => (text(view, 12) === "IHDR" ? { width: view.getUint32(16), height: view.getUint32(20) } : undefined),
  "image/gif": (view) => ({ width: view.getUint16(6, true), height: view.getUint16(8, true) }),
  "image/bmp": (view) =>
    view.getUint32(14, true) >= 40
      ? { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) }
      : undefined,
  "image/jpeg": jpeg,
  "image/webp": webp,
}

/** Walks the segments to the frame header (T.81 §B.2.2). */
function jpeg(view: DataView): Dimensions | undefined {
  let at = 2
  for (;;) {
    while (view.getUint8(at) === 0xff && view.getUint8(at + 1) === 0xff) at += 1
    if (view.getUint8(at) !== 0xff) return undefined
    const marker = view.getUint8(at + 1)
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (isFrame) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) }
    if (marker === 0xd9 || marker === 0xda) return undefined
    const length = view.getUint16(at + 2)
    if (length < 2) return undefined
    at += 2 + length
  }
}

/** The three kinds of the container's first chunk (RFC 9649 §2). */
function webp(view: DataView): Dimensions | undefined {
  switch (text(view, 12)) {
    case "VP8X":
      return { width: 1 + uint24(view, 24), height: 1 + uint24(view, 27) }
    case "VP8L": {
      const bits = view.getUint32(21, true)
      return view.getUint8(20) === 0x2f ? { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) } : undefined
    }
    case "VP8 ":
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff }
    default:
      return undefined
  }
}

const uint24 = (view: DataView, at: number): number => view.getUint16(at, true) | (view.getUint8(at + 2) << 16)

const text = (view: DataView, at: number): string =>
  String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3))
