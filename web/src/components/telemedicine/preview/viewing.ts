/** Which file is looked at, and which can be. */
import { type FileItem, type FileRef, type TimelineItem } from "../../../lib/session/types"
import { type Content } from "../../../lib/content/sniff"
import { ofSession } from "../ofSession"

/** Key of the message whose file fills the page. */
export const viewed = ofSession<string | undefined>(undefined)

type Kind = Exclude<Content["kind"], "none">

const mib = 1024 * 1024
/** Bytes that are opened for showing; audio and video are kept by the browser outside of the page's memory. */
export const mostShown: Record<Kind, number> = { picture: 40 * mib, pdf: 40 * mib, audio: 200 * mib, video: 200 * mib }

/** What the sender says it is. Only decides whether a preview is offered: the bytes say what it is. */
export function claimedKind({ mime }: FileRef): Kind | undefined {
  if (mime === "application/pdf") return "pdf"
  if (mime === "image/svg+xml") return undefined
  const [family] = mime.split("/")
  return family === "image" ? "picture" : family === "audio" || family === "video" ? family : undefined
}

export function isOffered(file: FileRef): boolean {
  const kind = claimedKind(file)
  return kind !== undefined && file.size > 0 && file.size <= mostShown[kind]
}

/** What can be walked through, in the order of the timeline. */
export const viewable = (timeline: readonly TimelineItem[]): FileItem[] =>
  timeline.filter((item): item is FileItem => item.kind === "file" && item.seq !== undefined && isOffered(item.file))
