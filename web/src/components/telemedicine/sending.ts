/** What is looked at before files go out: nothing is sent that cannot arrive, or that the person may not mean. */
import { safeName } from "../../lib/session/fileName"
import { type FileItem, type Session, type TimelineItem, type Transfer } from "../../lib/session/types"

export type Doubt = "program" | "again"

export interface SortedOut {
  fine: File[]
  doubtful: { file: File; doubt: Doubt }[]
  /** Names. */
  empty: string[]
  tooLarge: string[]
}

/** 65536 parts of 4 MiB (docs/protocol.md §6). */
const mostBytes = 65_536 * 4 * 1024 * 1024

/** Endings of what a click would run, on some system. */
const programs =
  /\.(apk|app|bat|cmd|com|cpl|deb|dll|dmg|exe|hta|iso|jar|js|jse|lnk|msi|msix|pif|pkg|ps1|reg|rpm|scr|sh|url|vb|vbe|vbs|wsf)$/i

/** `sent` are name and size of what went out of this page or stands in the chat as one's own. */
export function sortOut(files: readonly File[], sent: ReadonlySet<string>): SortedOut {
  const sorted: SortedOut = { fine: [], doubtful: [], empty: [], tooLarge: [] }
  const known = new Set(sent)
  for (const file of files) {
    const mark = markOf(file)
    if (file.size === 0) sorted.empty.push(safeName(file.name))
    else if (file.size > mostBytes) sorted.tooLarge.push(safeName(file.name))
    else if (known.has(mark)) sorted.doubtful.push({ file, doubt: "again" })
    else if (programs.test(file.name.trimEnd())) sorted.doubtful.push({ file, doubt: "program" })
    else sorted.fine.push(file)
    known.add(mark)
  }
  return sorted
}

export function sentBy(session: Session): ReadonlySet<string> {
  return new Set([
    ...session.timeline.value.filter(isOwnFile).map(({ file }) => markOf(file)),
    ...session.transfers.active.value.filter(isGoing).map(markOf),
  ])
}

const markOf = ({ name, size }: { name: string; size: number }): string => `${size} ${safeName(name)}`
const isOwnFile = (item: TimelineItem): item is FileItem => item.kind === "file" && item.sender?.self !== false
const isGoing = ({ direction, state }: Transfer): boolean => direction === "up" && state.value !== "cancelled"
