import { signal } from "@preact/signals"
import { type CallError, type CallPeer, type Calls, type CallState, type Device, type OngoingCall } from "../../lib/call/types"

/** A moving picture that stands for a camera. */
function picture(hue: number): MediaStream {
  const canvas = document.createElement("canvas")
  canvas.width = 640
  canvas.height = 480
  const pen = canvas.getContext("2d")
  let turn = 0
  const draw = (): void => {
    if (!pen) return
    turn++
    pen.fillStyle = `hsl(${hue} 30% 32%)`
    pen.fillRect(0, 0, 640, 480)
    pen.fillStyle = `hsl(${hue} 35% 55%)`
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
  connection: "connected",
  quality: "good",
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
      return [peer("Dr Miriam Roe", 190)]
    case "call-weak":
      return [peer("Dr Miriam Roe", 190, { quality: "bad", muted: true, cameraOff: true })]
    case "call-unopenable":
      return [peer("Dr Miriam Roe", 190, { sealed: "cannot-be-opened" })]
    case "call-out":
      return [peer("Dr Miriam Roe", 190, { connection: "ringing", cameraStream: undefined })]
    case "call-three":
      return [peer("Dr Miriam Roe", 190, { level: signal(0.5) }), peer("عمر الحداد", 30, { muted: true }), peer("Kim", 280, { cameraOff: true })]
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
  { kind: "camera", id: "1", label: "Built-in camera" },
  { kind: "microphone", id: "2", label: "Built-in microphone" },
  { kind: "microphone", id: "3", label: "Headset" },
]

export function playCalls(scene: string): Promise<Calls> {
  const state = signal(stateOf(scene))
  const active = state.value.kind === "active" || state.value.kind === "ringing-out"
  const muted = signal(false)
  const cameraOff = signal(false)
  const own = active ? picture(210) : undefined
  const preview = signal(own)
  const ongoing: OngoingCall = { call: "c", names: ["Dr Miriam Roe", "عمر الحداد"], wasIn: false }
  const errors: CallError[] = scene === "call-errors" || scene === "devices-denied" ? [{ about: "camera", error: "permission-denied" }] : []
  const idle = (): Promise<void> => Promise.resolve()
  return Promise.resolve({
    state,
    peers: signal(peersOf(scene)),
    startedAt: signal(state.value.kind === "active" ? Date.now() - 247_000 : undefined),
    ongoing: signal(scene === "ongoing" ? ongoing : undefined),
    missed: signal(scene === "missed" ? [{ call: "c", from: { memberId: "roe", name: "Dr Miriam Roe" }, at: Date.now() }] : []),
    preview,
    screen: signal(undefined),
    microphoneLevel: signal(0.4),
    speakingWhileMuted: signal(scene === "call-weak"),
    muted,
    cameraOff,
    sharing: signal(false),
    devices: signal(devices),
    chosen: signal({ camera: undefined, microphone: undefined, speaker: undefined }),
    errors: signal(errors),
    start: () => Promise.resolve(void (state.value = { kind: "ringing-out", call: "c" })),
    answer: () => Promise.resolve(void (state.value = { kind: "active", call: "c" })),
    joinOngoing: idle,
    decline: () => void (state.value = { kind: "idle" }),
    hangUp: () => void (state.value = { kind: "ended", call: "c", reason: "hung-up", seconds: 247 }),
    dismiss: () => void (state.value = { kind: "idle" }),
    forgetMissed: () => undefined,
    setMuted: (value) => Promise.resolve(void (muted.value = value)),
    setCameraOff: (value) => {
      cameraOff.value = value
      preview.value = value ? undefined : own
      return Promise.resolve()
    },
    shareScreen: idle,
    stopSharing: () => undefined,
    chooseDevice: idle,
    refreshDevices: idle,
    checkDevices: () => Promise.resolve(void (preview.value = errors.length > 0 ? undefined : picture(210))),
    endCheck: () => void (preview.value = undefined),
    close: () => undefined,
  })
}
