/** What a person can do with a message of the timeline, and which of it is open to them. */
import { type FileItem, type TextItem, type TimelineItem, type WithdrawnItem } from "../../lib/session/types"

export type MessageItem = TextItem | FileItem | WithdrawnItem
export type LivingItem = TextItem | FileItem

export interface Deeds {
  reply(item: LivingItem): void
  edit(item: TextItem): void
  /** Asks first. */
  withdraw(item: LivingItem): void
  react(item: LivingItem, emoji: string): void
  copy(item: TextItem): void
  /** Opens the menu beside what it belongs to. */
  menu(item: LivingItem, anchor: Element, only?: "reactions"): void
}

export interface Open {
  /** What a message still says: none of a withdrawn one. */
  living: LivingItem | undefined
  reply: boolean
  react: boolean
  copy: boolean
  edit: boolean
  withdraw: boolean
}

/** `writable`: whether anything can be sent. What the log does not show yet is retried or deleted instead. */
export function openFor(item: MessageItem, writable: boolean): Open {
  const living = item.kind === "withdrawn" ? undefined : item
  const settled = writable && living !== undefined && item.seq !== undefined
  const own = settled && item.sender?.self === true && item.kind !== "note"
  return {
    living,
    reply: settled,
    react: settled,
    copy: item.kind === "text" || item.kind === "note",
    edit: own && item.kind === "text",
    withdraw: own,
  }
}

/** The last own text that can be edited. */
export function lastOwnText(timeline: readonly TimelineItem[]): TextItem | undefined {
  const last = timeline.findLast((item) => item.kind === "text" && openFor(item, true).edit)
  return last?.kind === "text" ? last : undefined
}
