/** Camera, microphone and screen of this device: opened when asked, closed at once when not needed. */
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals"
import { meter, type Meter } from "./meter.ts"
import { type CallError, type ChosenDevices, type Device, type DeviceKind } from "./types.ts"

type Capture = "camera" | "microphone"

const KINDS: Record<string, DeviceKind> = {
  videoinput: "camera",
  audioinput: "microphone",
  audiooutput: "speaker",
}

/** USB hubs and docking stations fire several changes for one plug. */
const SETTLE = 200

export interface Devices {
  readonly camera: ReadonlySignal<MediaStreamTrack | undefined>
  readonly microphone: ReadonlySignal<MediaStreamTrack | undefined>
  readonly screen: ReadonlySignal<MediaStreamTrack | undefined>
  readonly level: ReadonlySignal<number>
  readonly list: ReadonlySignal<readonly Device[]>
  readonly chosen: ReadonlySignal<ChosenDevices>
  readonly errors: ReadonlySignal<readonly CallError[]>
  /** Opens what is not open yet. Never rejects: what cannot be had is in `errors`. */
  open(kinds: readonly Capture[]): Promise<void>
  close(kind: Capture | "screen"): void
  closeAll(): void
  openScreen(): Promise<void>
  choose(kind: DeviceKind, id: string): Promise<void>
  refresh(): Promise<void>
  note(error: CallError): void
  forget(about: CallError["about"]): void
  /** Closes everything and listens no more. */
  end(): void
}

export function openDevices(): Devices {
  const media = (navigator as { mediaDevices?: MediaDevices }).mediaDevices
  const tracks = {
    camera: signal<MediaStreamTrack | undefined>(undefined),
    microphone: signal<MediaStreamTrack | undefined>(undefined),
    screen: signal<MediaStreamTrack | undefined>(undefined),
  }
  const list = signal<readonly Device[]>([])
  const chosen = signal<ChosenDevices>({ camera: undefined, microphone: undefined, speaker: undefined })
  const errors = signal<readonly CallError[]>([])
  const metering = signal<Meter | undefined>(undefined)
  const level = computed(() => metering.value?.level.value ?? 0)
  /** A request that was overtaken by a close must not switch the light on again. */
  const asked = { camera: 0, microphone: 0, screen: 0 }

  function note(error: CallError): void {
    errors.value = [...errors.peek().filter(({ about }) => about !== error.about), error]
  }

  function forget(about: CallError["about"]): void {
    if (errors.peek().some((error) => error.about === about)) {
      errors.value = errors.peek().filter((error) => error.about !== about)
    }
  }

  function put(kind: keyof typeof tracks, track: MediaStreamTrack | undefined): void {
    const before = tracks[kind].peek()
    batch(() => {
      tracks[kind].value = track
      if (track) forget(kind)
      if (kind === "microphone") {
        metering.peek()?.stop()
        metering.value = track && meter(track)
      }
    })
    if (before) {
      before.onended = null
      before.stop()
    }
    if (track) track.onended = () => lost(kind)
  }

  /** The browser ended a track: unplugged, taken away, or "Stop sharing" in the browser's own bar. */
  function lost(kind: keyof typeof tracks): void {
    put(kind, undefined)
    if (kind === "screen") return
    note({ about: kind, error: "device-lost" })
    chosen.value = { ...chosen.peek(), [kind]: undefined }
    void refresh().then(() => {
      if (list.peek().some((device) => device.kind === kind)) return open([kind])
      return undefined
    })
  }

  async function open(kinds: readonly Capture[]): Promise<void> {
    const wanted = kinds.filter((kind) => tracks[kind].peek()?.readyState !== "live")
    if (wanted.length === 0) return
    if (!media) {
      wanted.forEach((about) => note({ about, error: "unsupported" }))
      return
    }
    const requests = wanted.map((kind) => [kind, ++asked[kind]] as const)
    const constraints = Object.fromEntries(
      wanted.map((kind) => [kind === "camera" ? "video" : "audio", constraintsOf(kind, chosen.peek()[kind])]),
    )
    try {
      const stream = await media.getUserMedia(constraints)
      batch(() => {
        for (const track of stream.getTracks()) {
          const kind = track.kind === "video" ? "camera" : "microphone"
          const request = requests.find(([of]) => of === kind)
          if (request?.[1] === asked[kind]) put(kind, track)
          else track.stop()
        }
      })
      void refresh()
    } catch (failure) {
      // One of two that cannot be had must not cost the other.
      if (wanted.length > 1) await Promise.all(wanted.map((kind) => open([kind])))
      else wanted.forEach((about) => note({ about, error: mediaErrorOf(failure) }))
    }
  }

  function close(kind: Capture | "screen"): void {
    asked[kind]++
    put(kind, undefined)
  }

  async function openScreen(): Promise<void> {
    if (!media || !("getDisplayMedia" in media)) {
      note({ about: "screen", error: "unsupported" })
      return
    }
    const request = ++asked.screen
    try {
      const stream = await media.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: false })
      const [track] = stream.getVideoTracks()
      if (!track || request !== asked.screen) {
        stream.getTracks().forEach((each) => each.stop())
        return
      }
      track.contentHint = "detail"
      put("screen", track)
    } catch (failure) {
      const error = mediaErrorOf(failure)
      note({ about: "screen", error: error === "permission-denied" ? "screen-denied" : error })
    }
  }

  async function choose(kind: DeviceKind, id: string): Promise<void> {
    chosen.value = { ...chosen.peek(), [kind]: id }
    if (kind === "speaker" || !tracks[kind].peek()) return
    // Some cameras and drivers open one at a time only, so the old one goes first.
    close(kind)
    await open([kind])
  }

  async function refresh(): Promise<void> {
    const found = (await media?.enumerateDevices().catch(() => [])) ?? []
    list.value = found.flatMap(({ kind, deviceId, label }) => {
      const known = KINDS[kind]
      return known && deviceId !== "" ? [{ kind: known, id: deviceId, label }] : []
    })
  }

  let settling: ReturnType<typeof setTimeout> | undefined
  const changed = (): void => {
    clearTimeout(settling)
    settling = setTimeout(() => void refresh(), SETTLE)
  }
  media?.addEventListener("devicechange", changed)

  const closeAll = (): void => (["camera", "microphone", "screen"] as const).forEach(close)
  return {
    ...tracks,
    level,
    list,
    chosen,
    errors,
    open,
    close,
    closeAll,
    openScreen,
    choose,
    refresh,
    note,
    forget,
    end: () => {
      clearTimeout(settling)
      media?.removeEventListener("devicechange", changed)
      closeAll()
    },
  }
}

function constraintsOf(kind: Capture, id: string | undefined): MediaTrackConstraints {
  const device = id === undefined ? {} : { deviceId: { exact: id } }
  if (kind === "microphone") {
    return { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true }
  }
  return { ...device, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } }
}

/** Names of the media capture specification, as keys of sentences that say what to do. */
export function mediaErrorOf(failure: unknown): CallError["error"] {
  switch (failure instanceof Error || failure instanceof DOMException ? failure.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "permission-denied"
    case "NotFoundError":
    case "OverconstrainedError":
      return "no-device"
    case "NotReadableError":
    case "AbortError":
      return "busy-device"
    default:
      return "failed"
  }
}
