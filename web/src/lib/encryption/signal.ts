/** Sealed signals between connected members (docs/protocol.md §7.1). */
import { type RosterMember } from "./roster.ts"

export type SignalPayload =
  | { type: "hello"; reply: boolean }
  | { type: "bye" }
  | { type: "typing" }
  | { type: "offer" | "answer"; call: string; sdp: string; round: number }
  | { type: "candidate"; call: string; round: number; candidate: string | null; mid: string; line: number }
  | { type: "restart" | "accept" | "decline" | "hangup" | "busy" | "unsealed"; call: string }
  | { type: "media"; call: string; audio: boolean; video: boolean; screen: boolean; context: [string, string, string] }

/** A page of a member: its leaf and 8 random bytes, b(8). */
export interface Instance {
  readonly leaf: number
  readonly instance: string
}

/** Last counter taken from each (leaf, instance); kept in memory by the page. */
export type SignalWindow = ReadonlyMap<string, number>

export interface OpenedSignal {
  readonly payload: SignalPayload
  readonly sender: RosterMember
  readonly from: Instance
  /** Addressed to everybody rather than to this page. */
  readonly toAll: boolean
  readonly window: SignalWindow
}
