/** What this page sends and shows of itself: microphone, camera and screen, in a call and in the check before it. */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals"
import { type Conversation } from "./conversation.ts"
import { type Devices } from "./devices.ts"
import { type MediaChoice } from "./types.ts"

/** Level from which on somebody is taken to speak. */
const SPEAKING = 0.6

export class OwnMedia {
  readonly muted = signal(false)
  readonly preview = computed(() => streamOf(this.devices.camera))
  readonly screen = computed(() => streamOf(this.devices.screen))
  readonly sharing = computed(() => this.devices.screen.value !== undefined)
  readonly cameraOff = computed(() => this.#cameraOff.value || this.devices.camera.value === undefined)
  readonly speakingWhileMuted = computed(
    () => this.muted.value && this.conversation.value !== undefined && this.devices.level.value > SPEAKING,
  )
  #cameraOff = signal(true)
  #checking = false

  constructor(
    private readonly devices: Devices,
    private readonly conversation: Signal<Conversation | undefined>,
  ) {}

  open(media: MediaChoice): Promise<void> {
    batch(() => {
      this.muted.value = !media.audio
      this.#cameraOff.value = !media.video
    })
    if (!media.video) this.devices.close("camera")
    if (!media.audio) this.devices.close("microphone")
    const kinds = [media.audio && ("microphone" as const), media.video && ("camera" as const)]
    return this.devices.open(kinds.filter((kind) => kind !== false))
  }

  /** Devices are closed at once, so that the light goes off. */
  close(): void {
    this.devices.closeAll()
    this.muted.value = false
    this.#cameraOff.value = true
  }

  /** The user hung up while the browser still asked for a permission. */
  closeIfOver(): void {
    if (!this.conversation.peek()) this.devices.closeAll()
  }

  /** Muted is no track at all: no frame leaves, sealed or not, so that not even its rhythm tells of the room. */
  put(): void {
    const current = this.conversation.value
    const microphone = this.muted.value ? undefined : this.devices.microphone.value
    current?.setTracks({ microphone, camera: this.devices.camera.value, screen: this.devices.screen.value })
  }

  async setMuted(mute: boolean): Promise<void> {
    this.muted.value = mute
    if (!mute) await this.devices.open(["microphone"])
    this.#closeIfIdle()
  }

  async setCameraOff(off: boolean): Promise<void> {
    this.#cameraOff.value = off
    if (off) this.devices.close("camera")
    else await this.devices.open(["camera"])
    this.#closeIfIdle()
  }

  async shareScreen(): Promise<void> {
    await this.devices.openScreen()
    this.#closeIfIdle()
  }

  async check(media: MediaChoice): Promise<void> {
    this.#checking = true
    await this.open(media)
    this.#closeIfIdle()
  }

  endCheck(): void {
    this.#checking = false
    this.closeIfOver()
  }

  /** A call begins: what was opened for a check is the call's from now on. */
  becomesCall(): void {
    this.#checking = false
  }

  #closeIfIdle(): void {
    if (!this.#checking) this.closeIfOver()
  }
}

function streamOf({ value }: ReadonlySignal<MediaStreamTrack | undefined>): MediaStream | undefined {
  return value && new MediaStream([value])
}
