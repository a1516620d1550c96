/** Chat entries and their payloads (docs/protocol.md §5.1, §5.2). */
import { type RosterMember } from "./roster.ts"

export interface TextPayload {
  type: "text"
  message: string
  text: string
  reply?: string
}

export interface FilePayload {
  type: "file"
  message: string
  file: string
  key: string
  size: number
  parts: number
  name: string
  mime: string
  thumb?: string
}

export interface HistoryPayload {
  type: "history"
  to: string
  box: string
}

export interface CallPayload {
  type: "call"
  call: string
  event: "started" | "ended" | "missed" | "declined"
  seconds?: number
}

export interface ReceiptPayload {
  type: "receipt"
  delivered: number
  seen: number
}

export interface AdmitPayload {
  type: "admit"
  member: string
}

export interface LeavePayload {
  type: "leave"
}

export interface NotePayload {
  type: "note"
  message: string
  text: string
}

export interface EndPayload {
  type: "end"
}

/** Byte strings are base64url text, as in the JSON. */
export type Payload =
  | TextPayload
  | FilePayload
  | HistoryPayload
  | CallPayload
  | ReceiptPayload
  | AdmitPayload
  | LeavePayload
  | NotePayload
  | EndPayload

/** What came of a chat entry. */
export type MessageEvent =
  | { readonly kind: "message"; readonly payload: Payload; readonly sender: RosterMember; readonly time: number }
  /** Of a known type, but out of shape or not for this sender to send. */
  | { readonly kind: "refused"; readonly cause: string; readonly sender: RosterMember; readonly time: number }
  /** Of a type this version does not know. */
  | { readonly kind: "unsupported"; readonly type: string; readonly sender: RosterMember; readonly time: number }
  /** `not-ours`: no keys of that epoch here. `tampered`: it does not open or its signature is wrong. */
  | { readonly kind: "unreadable"; readonly cause: "not-ours" | "tampered" }
