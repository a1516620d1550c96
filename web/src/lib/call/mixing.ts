/** The sound of a shared screen and the microphone in one track, for there is one stream of sound (docs/protocol.md §7.2). */

class Mixer {
  readonly #audio = new AudioContext()
  readonly #out = this.#audio.createMediaStreamDestination()
  #microphone: { track: MediaStreamTrack; source: MediaStreamAudioSourceNode } | undefined

  constructor(readonly sound: MediaStreamTrack) {
    this.#sourceOf(sound).connect(this.#out)
    void this.#audio.resume().catch(() => undefined)
  }

  get track(): MediaStreamTrack | undefined {
    return this.#out.stream.getAudioTracks()[0]
  }

  setMicrophone(track: MediaStreamTrack | undefined): void {
    if (this.#microphone?.track === track) return
    this.#microphone?.source.disconnect()
    this.#microphone = track && { track, source: this.#sourceOf(track) }
    this.#microphone?.source.connect(this.#out)
  }

  close(): void {
    this.track?.stop()
    void this.#audio.close().catch(() => undefined)
  }

  #sourceOf(track: MediaStreamTrack): MediaStreamAudioSourceNode {
    return this.#audio.createMediaStreamSource(new MediaStream([track]))
  }
}

export class Mixing {
  #mixer: Mixer | undefined

  /** The one track for both; the microphone itself where there is nothing to mix. A muted microphone is undefined. */
  of(microphone: MediaStreamTrack | undefined, sound: MediaStreamTrack | undefined): MediaStreamTrack | undefined {
    if (this.#mixer?.sound !== sound) {
      this.#mixer?.close()
      this.#mixer = sound && new Mixer(sound)
    }
    this.#mixer?.setMicrophone(microphone)
    return this.#mixer ? this.#mixer.track : microphone
  }
}
