import { signal } from "@preact/signals"
import { type CallError, type CallPeer, type Calls, type CallState, type Device, type OngoingCall } from "../../lib/call/types"

/** `trial-camera-busy-device` and its kin: what the devices do when they are tried. */
function errorsOf(scene: string): readonly CallError[] {
  const [, about, error] = /^trial-(camera|microphone)-(.+)$/.exec(scene) ?? []
  if (about !== undefined && error !== undefined) return [{ about, error } as CallError]
  return scene === "call-errors" ? [{ about: "camera", error: "permission-denied" }] : []
}

/** A moving picture that stands for a camera. */
function picture(hue: number, light = 1): MediaStream {
  const canvas = document.createElement("canvas")
  canvas.width = 640
  canvas.height = 480
  const pen = canvas.getContext("2d")
  let turn = 0
  const draw = (): void => {
    if (!pen) return
    turn++
    pen.fillStyle = `hsl(${hue} 30% ${32 * light}%)`
    pen.fillRect(0, 0, 640, 480)
    pen.fillStyle = `hsl(${hue} 35% ${55 * light}%)`
    pen.beginPath()
    pen.arc(320, 190 + Math.sin(turn / 10) * 8, 90, 0, 7)
    pen.fill()
    pen.beginPath()
    pen.ellipse(320, 470, 190, 160, 0, 0, 7)
    pen.fill()
  }
  draw()
  setInterval(draw, 66)
  return canvas.captureStream(15)
}

const peer = (name: string, hue: number, more: Partial<CallPeer> = {}): CallPeer => ({
  key: name,
  memberId: name,
  name,
  cameraStream: picture(hue),
  screenStream: undefined,
  audioStream: undefined,
  level: signal(0),
  speaking: signal(false),
  connection: "connected",
  quality: "good",
  line: signal({ quality: "good", roundTrip: 48, lostHere: 0, lostThere: 0.01, received: 1_240_000, sent: 910_000, route: "relay" }),
  picturePaused: false,
  ownPicturePaused: false,
  sealed: "yes",
  muted: false,
  cameraOff: false,
  sharing: false,
  ...more,
})

function peersOf(scene: string): CallPeer[] {
  switch (scene) {
    case "call":
    case "call-sheet":
    case "call-sharing":
    case "call-plugged":
    case "call-errors":
    case "call-host":
      return [peer("Dr Miriam Roe", 190)]
    case "call-weak":
      return [peer("Dr Miriam Roe", 190, { quality: "weak", muted: true, cameraOff: true })]
    case "call-paused":
      return [peer("Dr Miriam Roe", 190, { quality: "weak", picturePaused: true })]
    case "call-write":
      return [peer("Dr Miriam Roe", 190, { quality: "weak", ownPicturePaused: true })]
    case "call-unopenable":
      return [peer("Dr Miriam Roe", 190, { sealed: "cannot-be-opened" })]
    case "call-out":
      return [peer("Dr Miriam Roe", 190, { connection: "ringing", cameraStream: undefined })]
    case "call-three":
      return [peer("Dr Miriam Roe", 190, { speaking: signal(true) }), peer("عمر الحداد", 30, { muted: true }), peer("Kim", 280, { cameraOff: true })]
    case "call-four":
      return [
        peer("Dr Miriam Roe", 190, { speaking: signal(true) }),
        peer("عمر الحداد", 30, { muted: true }),
        peer("Kim", 280, { quality: "weak" }),
      ]
    case "call-two":
      return [peer("Dr Miriam Roe", 190, { speaking: signal(true) }), peer("عمر الحداد", 30, { muted: true })]
    case "call-phone":
      return [peer("Dr Miriam Roe", 190)]
    case "call-screen":
      return [peer("Dr Miriam Roe", 190, { sharing: true, screenStream: picture(90) }), peer("عمر الحداد", 30)]
    default:
      return []
  }
}

function stateOf(scene: string): CallState {
  if (scene === "incoming") return { kind: "ringing-in", call: "c", from: { memberId: "roe", name: "Dr Miriam Roe" } }
  if (scene === "call-out") return { kind: "ringing-out", call: "c" }
  if (scene === "call-end") return { kind: "ended", call: "c", reason: "hung-up-by-other", seconds: 754 }
  if (scene === "call-unsupported") return { kind: "unsupported" }
  return scene.startsWith("call") ? { kind: "active", call: "c" } : { kind: "idle" }
}

const devices: readonly Device[] = [
  { kind: "camera", id: "1", label: "Built-in camera", group: "a" },
  { kind: "microphone", id: "2", label: "Built-in microphone", group: "a" },
  { kind: "microphone", id: "3", label: "Headset", group: "b" },
]

export function playCalls(scene: string): Promise<Calls> {
  const state = signal(stateOf(scene))
  const active = state.value.kind === "active" || state.value.kind === "ringing-out"
  const muted = signal(false)
  const cameraOff = signal(false)
  const blurred = signal(false)
  const own = active ? picture(210) : undefined
  const preview = signal(own)
  const ongoing: OngoingCall = { call: "c", names: ["Dr Miriam Roe", "عمر الحداد"], wasIn: undefined }
  const errors = errorsOf(scene)
  const news = signal(scene === "call-plugged" ? ({ what: "offered", devices: devices.slice(2) } as const) : undefined)
  const idle = (): Promise<void> => Promise.resolve()
  return Promise.resolve({
    state,
    peers: signal(peersOf(scene)),
    ownLine: signal({ picture: scene === "call-weak" ? "paused" : "full", write: scene === "call-write" }),
    startedAt: signal(state.value.kind === "active" ? Date.now() - 247_000 : undefined),
    ongoing: signal(scene === "ongoing" ? ongoing : undefined),
    missed: signal(scene === "missed" ? [{ call: "c", from: { memberId: "roe", name: "Dr Miriam Roe" }, at: Date.now() }] : []),
    preview,
    screen: signal(undefined),
    microphoneLevel: signal(scene === "trial-silent" ? 0 : 0.4),
    speakingWhileMuted: signal(scene === "call-weak"),
    muted,
    cameraOff,
    blurred,
    sharing: signal(scene === "call-sharing"),
    devices: signal(devices),
    chosen: signal({ camera: undefined, microphone: undefined, speaker: undefined }),
    inUse: signal({ camera: "1", microphone: "2", speaker: undefined }),
    facing: signal(scene === "call-phone" ? "user" : undefined),
    news,
    errors: signal(errors),
    start: () => Promise.resolve(void (state.value = { kind: "ringing-out", call: "c" })),
    answer: () => Promise.resolve(void (state.value = { kind: "active", call: "c" })),
    joinOngoing: idle,
    decline: () => void (state.value = { kind: "idle" }),
    hangUp: () => void (state.value = { kind: "ended", call: "c", reason: "hung-up", seconds: 247 }),
    dismiss: () => void (state.value = { kind: "idle" }),
    forgetMissed: () => undefined,
    setMuted: (value) => Promise.resolve(void (muted.value = value)),
    setBlurred: (on) => Promise.resolve(void (blurred.value = on)),
    setCameraOff: (value) => {
      cameraOff.value = value
      preview.value = value ? undefined : own
      return Promise.resolve()
    },
    shareScreen: idle,
    stopSharing: () => undefined,
    chooseDevice: idle,
    flipCamera: idle,
    forgetNews: () => void (news.value = undefined),
    refreshDevices: idle,
    checkDevices: () => Promise.resolve(void (preview.value = errors.some(({ about }) => about === "camera") ? undefined : picture(210, scene === "trial-dark" ? 0 : 1))),
    endCheck: () => void (preview.value = undefined),
    close: () => undefined,
  })
}
