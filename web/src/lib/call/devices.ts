/** Camera, microphone and screen of this device: opened when asked, closed at once when not needed. */
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals"
import { rememberDevice, rememberedDevices } from "./chosenDevices.ts"
import { type Capture, isRefusal, mediaErrorOf, permissionOf, withoutMedia } from "./deviceFailure.ts"
import { meter, type Meter } from "./meter.ts"
import { cameFrom } from "./plugged.ts"
import { type CallError, type ChosenDevices, type Device, type DeviceKind, type DeviceNews, type Facing } from "./types.ts"

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
  /** The sound of what is shared, where the browser gives it. */
  readonly screenSound: ReadonlySignal<MediaStreamTrack | undefined>
  readonly level: ReadonlySignal<number>
  readonly list: ReadonlySignal<readonly Device[]>
  readonly chosen: ReadonlySignal<ChosenDevices>
  readonly inUse: ReadonlySignal<ChosenDevices>
  /** Which way the open camera looks, where the browser says so. */
  readonly facing: ReadonlySignal<Facing | undefined>
  readonly errors: ReadonlySignal<readonly CallError[]>
  readonly news: ReadonlySignal<DeviceNews | undefined>
  /**
   * Opens what is not open yet. Never rejects: what cannot be had is in `errors`. What was declined in this page is asked
   * for again only by a click on that very device (`again`).
   */
  open(kinds: readonly Capture[], again?: boolean): Promise<void>
  close(kind: Capture | "screen"): void
  closeAll(): void
  openScreen(): Promise<void>
  /** A device that cannot be had is given up for the one before. */
  choose(kind: DeviceKind, id: string): Promise<void>
  /** From the camera at the front to the one at the back, or the other way. */
  flipCamera(): Promise<void>
  forgetNews(): void
  refresh(): Promise<void>
  note(error: CallError): void
  forget(about: CallError["about"]): void
  /** Closes everything and listens no more. */
  end(): void
}

/** What was declined in this page, before a visit or in it. */
const declinedHere = new Map<Capture, CallError["error"]>()

export function openDevices(): Devices {
  const media = (navigator as { mediaDevices?: MediaDevices }).mediaDevices
  const tracks = {
    camera: signal<MediaStreamTrack | undefined>(undefined),
    microphone: signal<MediaStreamTrack | undefined>(undefined),
    screen: signal<MediaStreamTrack | undefined>(undefined),
  }
  const screenSound = signal<MediaStreamTrack | undefined>(undefined)
  const list = signal<readonly Device[]>([])
  const remembered = rememberedDevices()
  const chosen = signal<ChosenDevices>(remembered)
  const errors = signal<readonly CallError[]>([])
  const news = signal<DeviceNews | undefined>(undefined)
  const inUse = computed(() => ({
    camera: tracks.camera.value?.getSettings().deviceId ?? chosen.value.camera,
    microphone: tracks.microphone.value?.getSettings().deviceId ?? chosen.value.microphone,
    speaker: chosen.value.speaker,
  }))
  const facing = computed(() => facingOf(tracks.camera.value))
  /** The way that the camera was turned to last. */
  let turned: Facing | undefined
  const metering = signal<Meter | undefined>(undefined)
  const level = computed(() => metering.value?.level.value ?? 0)
  /** A request that was overtaken by a close must not switch the light on again. */
  const asked = { camera: 0, microphone: 0, screen: 0 }
  /** Wanted, and taken away or declined: opened when one comes back, or is allowed in the browser's settings. */
  const missed = new Set<Capture>()
  const permissions = new Map<Capture, PermissionStatus>()

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
      if (kind === "screen") putScreenSound(undefined)
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

  function putScreenSound(track: MediaStreamTrack | undefined): void {
    screenSound.peek()?.stop()
    screenSound.value = track
    if (track) track.onended = () => putScreenSound(undefined)
  }

  /** The browser ended a track: unplugged, taken away, or "Stop sharing" in the browser's own bar. */
  function lost(kind: keyof typeof tracks): void {
    put(kind, undefined)
    if (kind === "screen") return
    note({ about: kind, error: "device-lost" })
    chosen.value = { ...chosen.peek(), [kind]: undefined }
    void replace(kind)
  }

  /** Another takes the place of one that is gone, and it is said which. */
  async function replace(kind: Capture): Promise<void> {
    const permission = await watchedPermission(kind)
    if (permission?.state === "denied") {
      decline(kind, "permission-denied")
      return
    }
    await refresh()
    if (!has(kind)) {
      missed.add(kind)
      return
    }
    await open([kind])
    const track = tracks[kind].peek()
    if (track) news.value = { what: "replaced", kind, label: track.label }
  }

  async function open(kinds: readonly Capture[], again = false): Promise<void> {
    const missing = kinds.filter((kind) => tracks[kind].peek()?.readyState !== "live")
    const wanted = missing.filter((kind) => again || !declinedHere.has(kind))
    for (const about of missing) {
      const error = declinedHere.get(about)
      if (error && !wanted.includes(about)) note({ about, error })
    }
    if (wanted.length === 0) return
    if (!media) {
      wanted.forEach((about) => note({ about, error: withoutMedia() }))
      return
    }
    const requests = wanted.map((kind) => [kind, ++asked[kind]] as const)
    const constraints = Object.fromEntries(
      wanted.map((kind) => [kind === "camera" ? "video" : "audio", constraintsOf(kind, chosen.peek()[kind], turned)]),
    )
    try {
      const stream = await media.getUserMedia(constraints)
      batch(() => {
        for (const track of stream.getTracks()) {
          const kind = track.kind === "video" ? "camera" : "microphone"
          const request = requests.find(([of]) => of === kind)
          declinedHere.delete(kind)
          if (request?.[1] === asked[kind]) put(kind, track)
          else track.stop()
        }
      })
      void refresh()
    } catch (failure) {
      await refused(failure, wanted, again)
    }
  }

  function decline(about: Capture, error: CallError["error"]): void {
    note({ about, error })
    declinedHere.set(about, error)
    missed.add(about)
  }

  /** One that was chosen another day and is not plugged in must not cost the picture. Tells whether there was such. */
  function forgetAbsent(kinds: readonly Capture[]): boolean {
    const absent = kinds.filter((kind) => chosen.peek()[kind] !== undefined && chosen.peek()[kind] === remembered[kind])
    for (const kind of absent) chosen.value = { ...chosen.peek(), [kind]: undefined }
    return absent.length > 0
  }

  /** One of two that cannot be had must not cost the other; but who declined the question about both was asked. */
  async function refused(failure: unknown, wanted: readonly Capture[], again: boolean): Promise<void> {
    if (mediaErrorOf(failure) === "no-device" && forgetAbsent(wanted)) {
      await open(wanted, again)
      return
    }
    const statuses = await Promise.all(wanted.map(watchedPermission))
    const errors = wanted.map((_, i) => mediaErrorOf(failure, statuses[i]?.state))
    const apart = wanted.filter((_, i) => statuses[i]?.state === "granted" || !isRefusal(errors[i] ?? "failed"))
    wanted.forEach((about, i) => {
      const error = errors[i] ?? "failed"
      if (wanted.length > 1 && apart.includes(about)) return
      if (isRefusal(error)) decline(about, error)
      else note({ about, error })
    })
    if (wanted.length > 1) await Promise.all(apart.map((kind) => open([kind], again)))
  }

  /** Allowed in the browser's own settings after all: it is opened without another question. */
  async function watchedPermission(kind: Capture): Promise<PermissionStatus | undefined> {
    const known = permissions.get(kind)
    if (known) return known
    const status = await permissionOf(kind)
    if (!status) return undefined
    permissions.set(kind, status)
    status.onchange = () => {
      if (status.state !== "granted" || !declinedHere.delete(kind)) return
      forget(kind)
      if (missed.delete(kind)) void open([kind])
    }
    return status
  }

  function close(kind: Capture | "screen"): void {
    asked[kind]++
    if (kind !== "screen") missed.delete(kind)
    put(kind, undefined)
  }

  async function openScreen(): Promise<void> {
    if (!media || !("getDisplayMedia" in media)) {
      note({ about: "screen", error: "unsupported" })
      return
    }
    const request = ++asked.screen
    try {
      const stream = await media.getDisplayMedia(screenWishes(media))
      const [track] = stream.getVideoTracks()
      if (!track || request !== asked.screen) {
        stream.getTracks().forEach((each) => each.stop())
        return
      }
      track.contentHint = "detail"
      batch(() => {
        put("screen", track)
        putScreenSound(stream.getAudioTracks()[0])
      })
    } catch (failure) {
      const error = mediaErrorOf(failure)
      // The choice was closed without one: who did so knows.
      if (isRefusal(error) && error !== "system-denied") forget("screen")
      else note({ about: "screen", error })
    }
  }

  async function choose(kind: DeviceKind, id: string): Promise<void> {
    const before = inUse.peek()[kind]
    chosen.value = { ...chosen.peek(), [kind]: id }
    rememberDevice(kind, id)
    if (kind === "speaker" || !tracks[kind].peek()) return
    if ((await change(kind)) || chosen.peek()[kind] !== id) return
    if (before !== undefined && before !== id) {
      const refused = list.peek().find((device) => device.kind === kind && device.id === id)
      chosen.value = { ...chosen.peek(), [kind]: before }
      if (await change(kind)) news.value = { what: "refused", kind, label: refused?.label ?? "" }
    }
    if (tracks[kind].peek()?.readyState === "ended") put(kind, undefined)
  }

  /**
   * Some cameras and drivers open one at a time only, so the old one is stopped first. It stays in its place until the
   * other is there: nobody is told that there is no picture. Tells whether there is another.
   */
  async function change(kind: Capture): Promise<boolean> {
    asked[kind]++
    const before = tracks[kind].peek()
    if (before) {
      before.onended = null
      before.stop()
    }
    await open([kind])
    return tracks[kind].peek()?.readyState === "live"
  }

  async function flipCamera(): Promise<void> {
    turned = facing.peek() === "environment" ? "user" : "environment"
    chosen.value = { ...chosen.peek(), camera: undefined }
    if (!(await change("camera")) && tracks.camera.peek()?.readyState === "ended") put("camera", undefined)
  }

  async function refresh(): Promise<void> {
    const found = (await media?.enumerateDevices().catch(() => [])) ?? []
    list.value = found.flatMap(({ kind, deviceId, label, groupId }) => {
      const known = KINDS[kind]
      const ofUse = kind !== "audiooutput" || "setSinkId" in HTMLMediaElement.prototype
      return known && ofUse && deviceId !== "" ? [{ kind: known, id: deviceId, label, group: groupId }] : []
    })
  }

  const has = (kind: Capture): boolean => list.peek().some((device) => device.kind === kind)

  let settling: ReturnType<typeof setTimeout> | undefined
  const changed = (): void => {
    clearTimeout(settling)
    settling = setTimeout(() => void plugged(), SETTLE)
  }
  async function plugged(): Promise<void> {
    const before = list.peek()
    await refresh()
    const { speaker } = chosen.peek()
    const isGone = (device: Device): boolean => !list.peek().some(({ id, kind }) => kind === device.kind && id === device.id)
    if (before.some((device) => device.kind === "speaker" && device.id === speaker && isGone(device))) {
      chosen.value = { ...chosen.peek(), speaker: undefined }
      news.value = { what: "replaced", kind: "speaker", label: "" }
    }
    const back = [...missed].filter(has)
    back.forEach((kind) => missed.delete(kind))
    if (back.length > 0) return open(back)
    const came = cameFrom(before, list.peek())
    // Whoever uses no device need not hear of new ones.
    if (came && (tracks.microphone.peek() ?? tracks.camera.peek())) news.value = { what: "offered", devices: came }
    else if (news.peek()?.what === "offered") news.value = undefined
  }
  media?.addEventListener("devicechange", changed)

  const closeAll = (): void => (["camera", "microphone", "screen"] as const).forEach(close)
  return {
    ...tracks,
    screenSound,
    level,
    list,
    chosen,
    inUse,
    facing,
    errors,
    news,
    open,
    close,
    closeAll,
    openScreen,
    choose,
    flipCamera,
    forgetNews: () => {
      news.value = undefined
    },
    refresh,
    note,
    forget,
    end: () => {
      clearTimeout(settling)
      media?.removeEventListener("devicechange", changed)
      permissions.forEach((status) => (status.onchange = null))
      closeAll()
    },
  }
}

/** Newer than the types that come with TypeScript; browsers leave out what they do not know. */
interface ScreenWishes extends DisplayMediaStreamOptions {
  systemAudio: "include" | "exclude"
  selfBrowserSurface: "exclude"
  surfaceSwitching: "include"
}

/** With sound; of the whole machine only where the voices of the call itself can be left out. */
function screenWishes(media: MediaDevices): ScreenWishes {
  const leavesOutOwn = "restrictOwnAudio" in media.getSupportedConstraints()
  const asItIs = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }
  return {
    video: { frameRate: { max: 15 } },
    audio: leavesOutOwn ? { ...asItIs, restrictOwnAudio: true } as MediaTrackConstraints : asItIs,
    systemAudio: leavesOutOwn ? "include" : "exclude",
    selfBrowserSurface: "exclude",
    surfaceSwitching: "include",
  }
}

function facingOf(camera: MediaStreamTrack | undefined): Facing | undefined {
  const facing = camera?.getSettings().facingMode
  return facing === "user" || facing === "environment" ? facing : undefined
}

function constraintsOf(kind: Capture, id: string | undefined, facing: Facing | undefined): MediaTrackConstraints {
  const which = id === undefined ? {} : { deviceId: { exact: id } }
  if (kind === "microphone") {
    return { ...which, echoCancellation: true, noiseSuppression: true, autoGainControl: true }
  }
  const way = id === undefined && facing !== undefined ? { facingMode: { ideal: facing } } : {}
  return { ...which, ...way, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } }
}
