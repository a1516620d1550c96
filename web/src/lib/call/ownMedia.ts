/** What this page sends and shows of itself: microphone, camera and screen, in a call and in the check before it. */
import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals"
import { type Blur, blurOf } from "./blur.ts"
import { type Conversation } from "./conversation.ts"
import { type Devices } from "./devices.ts"
import { Mixing } from "./mixing.ts"
import { type MediaChoice } from "./types.ts"
import { Voice } from "./voice.ts"

/** ms that who is muted is told of it after a word: long enough to be read. */
const TOLD = 4000

export class OwnMedia {
  readonly muted = signal(false)
  readonly preview = computed(() => streamOf(this.devices.camera))
  readonly screen = computed(() => streamOf(this.devices.screen))
  readonly sharing = computed(() => this.devices.screen.value !== undefined)
  /** What is sent, or would be if the devices were there. */
  readonly choice = computed<MediaChoice>(() => ({ audio: !this.muted.value, video: !this.#cameraOff.value }))
  readonly cameraOff = computed(() => this.#cameraOff.value || this.devices.camera.value === undefined)
  readonly speakingWhileMuted = computed(() => this.muted.value && this.conversation.value !== undefined && this.#spoke.value)
  readonly blur: Blur
  #spoke = signal(false)
  #spokeUntil = 0
  #voice = new Voice()
  #mixing = new Mixing()
  #cameraOff = signal(true)
  #checking = false

  constructor(
    private readonly devices: Devices,
    private readonly conversation: Signal<Conversation | undefined>,
  ) {
    this.blur = blurOf(devices.camera)
  }

  open(media: MediaChoice, again = false): Promise<void> {
    batch(() => {
      this.muted.value = !media.audio
      this.#cameraOff.value = !media.video
    })
    if (!media.video) this.devices.close("camera")
    if (!media.audio) this.devices.close("microphone")
    const kinds = [media.audio && ("microphone" as const), media.video && ("camera" as const)]
    return this.devices.open(kinds.filter((kind) => kind !== false), again)
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

  /**
   * A muted microphone is no track at all: no frame leaves, sealed or not, so that not even its rhythm tells of the room.
   * The sound of a shared screen goes out where the microphone does, also while that is muted.
   */
  put(): void {
    const current = this.conversation.value
    const microphone = this.muted.value ? undefined : this.devices.microphone.value
    const sound = this.#mixing.of(microphone, this.devices.screenSound.value)
    current?.setTracks({ microphone: sound, camera: this.devices.camera.value, screen: this.devices.screen.value })
  }

  /** Notices a voice while muted. Call five times a second. */
  listen(): void {
    if (this.#voice.hear(this.devices.level.peek()) && this.muted.peek()) this.#spokeUntil = Date.now() + TOLD
    this.#spoke.value = Date.now() < this.#spokeUntil
  }

  async setMuted(mute: boolean): Promise<void> {
    this.#spokeUntil = 0
    this.#spoke.value = false
    this.muted.value = mute
    if (!mute) await this.devices.open(["microphone"], true)
    this.#closeIfIdle()
  }

  async setCameraOff(off: boolean): Promise<void> {
    this.#cameraOff.value = off
    if (off) this.devices.close("camera")
    else await this.devices.open(["camera"], true)
    this.#closeIfIdle()
  }

  async shareScreen(): Promise<void> {
    await this.devices.openScreen()
    this.#closeIfIdle()
  }

  /** Tries devices; in a call those that could not be had, without touching the others. */
  async check(media: MediaChoice): Promise<void> {
    if (this.conversation.peek()) {
      if (media.video) await this.setCameraOff(false)
      if (media.audio) await this.devices.open(["microphone"], true)
      return
    }
    this.#checking = true
    await this.open(media, true)
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
