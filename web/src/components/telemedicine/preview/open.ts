/** Opens a file for showing: the first bytes decide whether and as what, before the rest is fetched. */
import { dimensionsOf, isDrawable } from "../../../lib/content/dimensions"
import { sniff, type Content } from "../../../lib/content/sniff"
import { type FileRef, type Transfers } from "../../../lib/session/types"
import { mostShown } from "./viewing"

export type Shown = Exclude<Content, { kind: "none" }>

/** Why it is not shown; keys of `preview.not.*`. */
export type Reason = Extract<Content, { kind: "none" }>["what"] | "too-many-pixels" | "too-large" | "failed"

export type Opened = { content: Shown; blob: Blob } | { not: Reason }

/** `told` hears of the plain bytes that are there. Rejects only when `stop` ends it. */
export async function openForShowing(
  transfers: Transfers,
  file: FileRef,
  told: (bytes: number) => void,
  stop: AbortSignal,
): Promise<Opened> {
  let content: Shown | undefined
  const pieces: Blob[] = []
  let bytes = 0
  try {
    for await (const part of transfers.open(file, stop)) {
      if (!content) {
        const verdict = judge(part, file.size)
        if ("not" in verdict) return verdict
        content = verdict.content
      }
      // One by one, so that the browser may put them on its disk.
      pieces.push(new Blob([part]))
      told((bytes += part.length))
    }
  } catch {
    stop.throwIfAborted()
    return { not: "failed" }
  }
  // Under the type that the bytes have, so that the browser reads them as nothing else.
  return content ? { content, blob: new Blob(pieces, { type: content.type }) } : { not: "other" }
}

function judge(start: Uint8Array, size: number): { content: Shown } | { not: Reason } {
  const content = sniff(start)
  if (content.kind === "none") return { not: content.what }
  if (size > mostShown[content.kind]) return { not: "too-large" }
  if (content.kind === "picture" && !isDrawable(dimensionsOf(content.type, start))) return { not: "too-many-pixels" }
  return { content }
}

/** Pixels of a thumbnail: what our own pages make has at most 320 on an edge. */
const thumbPixels = 1_000_000

/** A sender's thumbnail, when it is a small raster picture. */
export function thumbOf(bytes: Uint8Array): Blob | undefined {
  const content = sniff(bytes)
  if (content.kind !== "picture" || !isDrawable(dimensionsOf(content.type, bytes), thumbPixels)) return undefined
  return new Blob([new Uint8Array(bytes)], { type: content.type })
}
