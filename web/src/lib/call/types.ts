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

/** The line in a word: `fair` is noticed by who looks for it, `weak` is heard and seen, `gone` carries nothing. */
export type Quality = "good" | "fair" | "weak" | "gone"

/** The line to one other, once a second: a word, and numbers for who asks. */
export interface Line {
  quality: Quality
  /** ms there and back; undefined while unknown. */
  roundTrip: number | undefined
  /** Share of packets that did not arrive, 0 to 1. */
  lostHere: number
  lostThere: number
  /** bit/s of sound and pictures. */
  received: number
  sent: number
  /** Straight to the other device, or through the relay. */
  route: "direct" | "relay" | undefined
}

/** What the line makes of what this side sends, over all others in the call. */
export interface OwnLine {
  /** `smaller` and `paused` are the line's doing, and go away by themselves. */
  picture: "full" | "smaller" | "paused"
  /** Not even the voice gets through: better write. */
  write: boolean
}

/** Whether frames of this peer can be opened with the group's keys. */
export type Sealed =
  | "yes"
  | "waiting"
  /** Frames come, and how they are sealed has not been heard. */
  | "unannounced"
  | "cannot-be-opened"

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
  /** Stays on through the pauses between words. */
  speaking: ReadonlySignal<boolean>
  /** `reconnecting` only after 5 s in which nothing came: what is shorter mends itself. */
  connection: PeerConnection
  quality: Quality
  /** Numbers beside the word. */
  line: ReadonlySignal<Line>
  /** Their camera is on, and their line does not carry the picture: it comes back by itself. */
  picturePaused: boolean
  /** The same of our picture towards them. */
  ownPicturePaused: boolean
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
  /** The same for all ends of one thing; empty where the browser does not say. */
  group: string
}

/** Device ids; undefined is the browser's default. */
export type ChosenDevices = Readonly<Record<DeviceKind, string | undefined>>

/** Which way a camera of a telephone looks: at who holds it, or away. */
export type Facing = "user" | "environment"

/** What changed about the devices without being asked for. */
export type DeviceNews =
  /** The one in use is gone; `label` is used now, empty where the browser chose. */
  | { what: "replaced"; kind: DeviceKind; label: string }
  /** `label` was chosen and could not be had; the one before is in use again. */
  | { what: "refused"; kind: DeviceKind; label: string }
  /** Plugged in: one thing, such as a headset with its two ends. */
  | { what: "offered"; devices: readonly Device[] }

/** Stable keys of what went wrong; each is about one device and goes away when that device works. */
export interface CallError {
  about: "camera" | "microphone" | "screen" | "call"
  error:
    /** Blocked for this page; the browser does not ask any more. */
    | "permission-denied"
    /** The question was closed without an answer. */
    | "permission-dismissed"
    /** The operating system keeps the device from the browser. */
    | "system-denied"
    /** An address without https gets no devices. */
    | "insecure"
    | "no-device"
    /** Used by another program. */
    | "busy-device"
    /** Unplugged or taken away during the call. */
    | "device-lost"
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
  /** This page was in it before a reload, and sent this: joining again with as much needs no question. */
  wasIn: MediaChoice | undefined
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

/** What trying the devices needs: before a visit, and as part of `Calls` within it. */
export interface DeviceDesk {
  /** Own camera, to be shown muted and mirrored; undefined while it is off. */
  readonly preview: ReadonlySignal<MediaStream | undefined>
  /** 0 to 1 while the microphone is open, also while muted. */
  readonly microphoneLevel: ReadonlySignal<number>
  readonly devices: ReadonlySignal<readonly Device[]>
  readonly chosen: ReadonlySignal<ChosenDevices>
  /** What is open now, and where nothing is, what would be. */
  readonly inUse: ReadonlySignal<ChosenDevices>
  readonly errors: ReadonlySignal<readonly CallError[]>
  chooseDevice(kind: DeviceKind, id: string): Promise<void>
  /** Opens what is asked for, shown in `preview` and `microphoneLevel`. To be called by a click only: it asks again. */
  checkDevices(media: MediaChoice): Promise<void>
  /** Ends the device check; does nothing during a call. */
  endCheck(): void
}

export interface Calls extends DeviceDesk {
  readonly state: ReadonlySignal<CallState>
  readonly peers: ReadonlySignal<readonly CallPeer[]>
  readonly ownLine: ReadonlySignal<OwnLine>
  /** ms since 1970 of the first opened frame; undefined outside of a call. */
  readonly startedAt: ReadonlySignal<number | undefined>
  readonly ongoing: ReadonlySignal<OngoingCall | undefined>
  readonly missed: ReadonlySignal<readonly MissedCall[]>

  /** Own shared screen. */
  readonly screen: ReadonlySignal<MediaStream | undefined>
  readonly speakingWhileMuted: ReadonlySignal<boolean>
  readonly muted: ReadonlySignal<boolean>
  readonly cameraOff: ReadonlySignal<boolean>
  /** Whether the camera blurs the background; undefined where it cannot. */
  readonly blurred: ReadonlySignal<boolean | undefined>
  readonly sharing: ReadonlySignal<boolean>

  /** Which way the own camera looks; undefined where the browser does not say. */
  readonly facing: ReadonlySignal<Facing | undefined>
  readonly news: ReadonlySignal<DeviceNews | undefined>

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
  setBlurred(on: boolean): Promise<void>
  /** Asks the browser for a screen, with its sound where there is some; needs a click. */
  shareScreen(): Promise<void>
  stopSharing(): void
  /** To the other side of a telephone. */
  flipCamera(): Promise<void>
  forgetNews(): void
  refreshDevices(): Promise<void>

  /**
   * Stops listening and closes all devices, as when the page goes: a call that was reached waits for this page to come
   * back (`ongoing.wasIn`), one that was not is given up.
   */
  close(): void
}

export interface CallsOptions {
  /** `session.participants`: tells own devices, and who was removed. */
  participants?: ReadonlySignal<readonly Participant[]>
}
