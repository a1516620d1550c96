/** Sounds made on the spot; no files. A browser that forbids sound stays silent. */
type Speaker = AudioContext & { setSinkId?: (id: string) => Promise<void> }

interface Note {
  /** Hz. */
  pitch: number
  /** Seconds from the beginning. */
  at: number
  length: number
}

const chord: readonly Note[] = [
  { pitch: 523.25, at: 0, length: 0.5 },
  { pitch: 659.25, at: 0.2, length: 0.5 },
  { pitch: 783.99, at: 0.4, length: 0.8 },
]
const ringing: readonly Note[] = [
  { pitch: 440, at: 0, length: 0.4 },
  { pitch: 554.37, at: 0.25, length: 0.6 },
]
const knocking: readonly Note[] = [
  { pitch: 587.33, at: 0, length: 0.6 },
  { pitch: 880, at: 0.18, length: 0.9 },
]
const ringEvery = 2500

function play(context: AudioContext, notes: readonly Note[]): void {
  for (const { pitch, at, length } of notes) {
    const start = context.currentTime + at
    const gain = context.createGain()
    gain.gain.setValueAtTime(0, start)
    gain.gain.linearRampToValueAtTime(0.18, start + 0.03)
    gain.gain.exponentialRampToValueAtTime(0.001, start + length)
    const tone = context.createOscillator()
    tone.frequency.value = pitch
    tone.connect(gain).connect(context.destination)
    tone.start(start)
    tone.stop(start + length)
  }
}

/** Three notes on the chosen loudspeaker, to hear whether it works. */
export async function playTone(speaker: string | undefined): Promise<void> {
  const context: Speaker = new AudioContext()
  if (speaker) await context.setSinkId?.(speaker).catch(() => undefined)
  play(context, chord)
  setTimeout(() => void context.close(), 2000)
}

/** Two soft notes, once; nothing where the page may not sound. */
export function chime(): void {
  const context = new AudioContext()
  if (context.state === "running") play(context, knocking)
  setTimeout(() => void context.close(), 2000)
}

/** Rings until the returned function is called. */
export function ring(): () => void {
  const context = new AudioContext()
  const sound = (): void => {
    if (context.state === "running") play(context, ringing)
  }
  sound()
  const timer = setInterval(sound, ringEvery)
  return () => {
    clearInterval(timer)
    void context.close()
  }
}
