/** What the interface may know of calls: plain values in signals, and verbs (docs/protocol.md §7). */
import { type ReadonlySignal } from "@preact/signals"
import { type Participant } from "../session/types.ts"

/** Where the call stands on this page. */
export type CallState =
  /** This browser cannot seal frames; there is no unsealed call. */
  | { kind: "unsupported" }
  | { kind: "idle" }
  | { kind: "ringing-out"; call: string }
  | { kind: "ringing-in"; call: string; from: Caller }
  /** Answered; no sealed frame of another has been opened yet. */
  | { kind: "connecting"; call: string }
  | { kind: "active"; call: string }
  /** Stays until `dismiss` or the next call; `seconds` is 0 when nobody was reached. */
  | { kind: "ended"; call: string; reason: EndReason; seconds: number }

export interface Caller {
  memberId: string
  name: string
}

export type EndReason =
  | "hung-up"
  | "hung-up-by-other"
  | "declined"
  | "declined-by-other"
  | "busy"
  /** Nobody answered within 45 s, here or there. */
  | "missed"
  /** The caller gave up before an answer. */
  | "cancelled"
  | "answered-elsewhere"
  /** The connection did not come back. */
  | "lost"
  /** Nobody is here to be called. */
  | "nobody-here"
  | "removed"
  /** The worker that seals died; nothing leaves unsealed, so the call ended. */
  | "sealing-stopped"
  /** Another certificate than the signed one, or unsealed media: an alarm was raised. */
  | "alarm"
  | "failed"

export type PeerConnection = "ringing" | "connecting" | "connected" | "reconnecting"

/** The line in words: `bad` has trouble that is heard and seen, `lost` carries nothing at the moment. */
export type Quality = "good" | "weak" | "bad" | "lost"

/** Whether frames of this peer can be opened with the group's keys. */
export type Sealed = "yes" | "waiting" | "cannot-be-opened"

/** Somebody in the call, or rung by it. A new value whenever something but `level` changes. */
export interface CallPeer {
  /** Stable for one page of one member. */
  key: string
  memberId: string
  name: string
  /** Carry a track from the first connection on; show the camera when `cameraOff` is false, the screen when `sharing`. */
  cameraStream: MediaStream | undefined
  screenStream: MediaStream | undefined
  /** For one hidden audio element each, with `setSinkId(chosen.speaker)`. */
  audioStream: MediaStream | undefined
  /** 0 to 1, five times a second. */
  level: ReadonlySignal<number>
  connection: PeerConnection
  quality: Quality
  sealed: Sealed
  muted: boolean
  cameraOff: boolean
  sharing: boolean
}

export type DeviceKind = "camera" | "microphone" | "speaker"

export interface Device {
  kind: DeviceKind
  id: string
  /** Empty until a permission was given. */
  label: string
}

/** Device ids; undefined is the browser's default. */
export type ChosenDevices = Readonly<Record<DeviceKind, string | undefined>>

/** Stable keys of what went wrong; each is about one device and goes away when that device works. */
export interface CallError {
  about: "camera" | "microphone" | "screen" | "call"
  error:
    | "permission-denied"
    | "no-device"
    /** Used by another program. */
    | "busy-device"
    /** Unplugged or taken away during the call. */
    | "device-lost"
    /** The choice of a screen was closed or refused. */
    | "screen-denied"
    | "unsupported"
    /** Three others are in the call already. */
    | "call-full"
    /** Signals or key material could not be sent; being offline is the usual cause. */
    | "line-failed"
    | "failed"
}

/** A call that goes on without this page: after a reload, or for somebody who came late. */
export interface OngoingCall {
  call: string
  names: readonly string[]
  /** This page was in it before a reload: joining again needs no question. */
  wasIn: boolean
}

export interface MissedCall {
  call: string
  from: Caller
  /** ms since 1970. */
  at: number
}

/** What to send from the start; a device that cannot be had becomes an error, never a failed call. */
export interface MediaChoice {
  audio: boolean
  video: boolean
}

export interface Calls {
  readonly state: ReadonlySignal<CallState>
  readonly peers: ReadonlySignal<readonly CallPeer[]>
  /** ms since 1970 of the first opened frame; undefined outside of a call. */
  readonly startedAt: ReadonlySignal<number | undefined>
  readonly ongoing: ReadonlySignal<OngoingCall | undefined>
  readonly missed: ReadonlySignal<readonly MissedCall[]>

  /** Own camera, to be shown muted and mirrored; undefined while it is off. */
  readonly preview: ReadonlySignal<MediaStream | undefined>
  /** Own shared screen. */
  readonly screen: ReadonlySignal<MediaStream | undefined>
  /** 0 to 1 while the microphone is open, also while muted. */
  readonly microphoneLevel: ReadonlySignal<number>
  readonly speakingWhileMuted: ReadonlySignal<boolean>
  readonly muted: ReadonlySignal<boolean>
  readonly cameraOff: ReadonlySignal<boolean>
  readonly sharing: ReadonlySignal<boolean>

  readonly devices: ReadonlySignal<readonly Device[]>
  readonly chosen: ReadonlySignal<ChosenDevices>
  readonly errors: ReadonlySignal<readonly CallError[]>

  /** Verbs never reject; what fails is in `errors` or `state`. */
  start(media: MediaChoice): Promise<void>
  answer(media: MediaChoice): Promise<void>
  /** Joins `ongoing`. */
  joinOngoing(media: MediaChoice): Promise<void>
  decline(): void
  hangUp(): void
  /** ended → idle. */
  dismiss(): void
  forgetMissed(): void

  setMuted(muted: boolean): Promise<void>
  setCameraOff(off: boolean): Promise<void>
  /** Asks the browser for a screen; needs a click. */
  shareScreen(): Promise<void>
  stopSharing(): void
  chooseDevice(kind: DeviceKind, id: string): Promise<void>
  refreshDevices(): Promise<void>

  /** Device check before a call: opens what is asked for, shown in `preview` and `microphoneLevel`. */
  checkDevices(media: MediaChoice): Promise<void>
  /** Ends the device check; does nothing during a call. */
  endCheck(): void

  /** Hangs up, stops listening and closes all devices. */
  close(): void
}

export interface CallsOptions {
  /** `session.participants`: tells own devices, and who was removed. */
  participants?: ReadonlySignal<readonly Participant[]>
}
