/** What any tab may ask of the tab that owns the session. Arguments and answers cross to other tabs: plain values only. */
import { type Alarm, type CallSignal, type FileRef, type Invite, type InviteOptions, type Peer } from "./types.ts"

export interface Verbs extends TabVerbs {
  /** The message id is the caller's, so that a repeated call is one message. */
  sendText(message: string, at: number, text: string, reply: string | undefined): Promise<void>
  sendFile(message: string, at: number, file: FileRef): Promise<void>
  /** `change` is the caller's id for what it asks, as above. */
  edit(change: string, at: number, message: string, text: string): Promise<void>
  withdraw(change: string, at: number, message: string): Promise<void>
  react(change: string, at: number, author: string, message: string, emoji: string): Promise<void>
  retry(message: string): Promise<void>
  discard(message: string): Promise<void>
  markSeen(seq: number): Promise<void>
  noteTyping(): Promise<void>
  invite(options: InviteOptions): Promise<{ link: string; invite: Invite }>
  closeInvite(invite: string): Promise<void>
  remove(invite: string): Promise<void>
  giveHistory(member: string): Promise<void>
  declineHistory(member: string): Promise<void>
  admit(keys: readonly string[]): Promise<void>
  refuse(key: string): Promise<void>
  askAgain(): Promise<void>
  stopAsking(): Promise<void>
  runLate(minutes: number): Promise<void>
  confirmCode(): Promise<void>
  retitle(title: string): Promise<void>
  reschedule(starts: number | undefined): Promise<void>
  end(): Promise<void>
  leave(): Promise<void>
  carryOn(): Promise<void>
  forget(): Promise<void>
  ice(): Promise<RTCIceServer[]>
  renew(): Promise<void>
  announce(call: string, event: "started" | "ended" | "missed" | "declined", seconds: number | undefined): Promise<void>
  raise(alarm: Alarm): Promise<void>
  token(): Promise<string | undefined>
}

/** Where it matters which tab asks. */
export interface TabVerbs {
  signal(to: Peer, signal: CallSignal): Promise<void>
  attend(): Promise<void>
  hold(on: boolean): Promise<void>
}

/** What the owner tells one tab beside the view. */
export type Told =
  | { kind: "signal"; from: Peer; signal: CallSignal }
  | { kind: "ring"; by: string; call: string; event: "started" | "ended" | "missed" | "declined"; at: number }
