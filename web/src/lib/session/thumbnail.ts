/** A small picture of a picture, for the sealed file message (docs/protocol.md §5.2). */
import { dimensionsOf, isDrawable } from "../content/dimensions.ts"
import { sniff } from "../content/sniff.ts"

const mostBytes = 24_576
const tooBigToLookAt = 40 * 1024 * 1024
/** A camera's notes and its own thumbnail may stand before the size. */
const headerWithin = 1024 * 1024

/** JPEG of at most 24 KiB, or undefined when there is none to be had. */
export async function thumbnailOf(file: File): Promise<Uint8Array | undefined> {
  if (!file.type.startsWith("image/") || file.size > tooBigToLookAt) return undefined
  if (typeof OffscreenCanvas === "undefined" || typeof createImageBitmap === "undefined") return undefined
  try {
    const head = new Uint8Array(await file.slice(0, headerWithin).arrayBuffer())
    const content = sniff(head)
    if (content.kind !== "picture" || !isDrawable(dimensionsOf(content.type, head))) return undefined
    const picture = await createImageBitmap(file)
    try {
      for (const edge of [320, 240, 160]) {
        const small = await drawn(picture, edge)
        if (small.length <= mostBytes) return small
      }
    } finally {
      picture.close()
    }
  } catch {
    // Not a picture after all: it goes without.
  }
  return undefined
}

async function drawn(picture: ImageBitmap, edge: number): Promise<Uint8Array> {
  const scale = Math.min(1, edge / Math.max(picture.width, picture.height))
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(picture.width * scale)),
    Math.max(1, Math.round(picture.height * scale)),
  )
  const context = canvas.getContext("2d")
  if (!context) throw new Error("no canvas")
  context.fillStyle = "#fff"
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(picture, 0, 0, canvas.width, canvas.height)
  const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.7 })
  return new Uint8Array(await blob.arrayBuffer())
}
