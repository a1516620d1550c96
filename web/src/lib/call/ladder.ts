/**
 * What goes out on a line that does not carry all: the picture gets smaller, then stops, the voice gets thinner, and at
 * last there is only writing. A pure state machine, looked at once a second; down in seconds, up with patience.
 */

export type PictureSent = "full" | "smaller" | "paused"

export interface Rung {
  picture: PictureSent
  /** bit/s at most; without it the camera takes what the call allows. */
  bitrate?: number
  /** Divides width and height. */
  scale: number
  framesPerSecond: number
  /** bit/s of the voice. */
  voice: number
  /** The line does not carry even the voice: writing goes on. */
  write: boolean
  /** bit/s that the line must carry, or the next rung is right. */
  carries: number
  /** bit/s from which on this rung is worth a rise; undefined: only trying tells. */
  from: number | undefined
}

export const RUNGS: readonly [Rung, ...Rung[]] = [
  { picture: "full", scale: 1, framesPerSecond: 30, voice: 40_000, write: false, carries: 350_000, from: 500_000 },
  { picture: "smaller", bitrate: 450_000, scale: 2, framesPerSecond: 24, voice: 32_000, write: false, carries: 140_000, from: 220_000 },
  { picture: "smaller", bitrate: 150_000, scale: 4, framesPerSecond: 12, voice: 24_000, write: false, carries: 70_000, from: undefined },
  { picture: "paused", scale: 4, framesPerSecond: 12, voice: 20_000, write: false, carries: 0, from: undefined },
  { picture: "paused", scale: 4, framesPerSecond: 12, voice: 10_000, write: true, carries: 0, from: undefined },
]
const LAST = RUNGS.length - 1

/** One second of the line. */
export interface Look {
  /** Share of our packets that did not arrive, over some seconds. */
  lost: number
  /** ms; undefined while unknown. */
  roundTrip: number | undefined
  /** bit/s; undefined where the browser does not tell. */
  available: number | undefined
}

export interface Standing {
  readonly rung: number
  /** Grows with bad seconds, shrinks with others. */
  readonly trouble: number
  /** Good seconds in a row. */
  readonly calm: number
  /** Seconds left in which what is counted is still of the rung before. */
  readonly settling: number
  /** Good seconds that the next rise asks for; doubles when a rise was too early. */
  readonly patience: number
  /** Seconds since the last rise; undefined when it has held. */
  readonly tried: number | undefined
  /** Round trips of the last minute, ms: the least of them is the line's own. */
  readonly roundTrips: readonly number[]
}

const PATIENCE = 4
const MOST_PATIENCE = 64
const SETTLING = 5
/** A rise shows sooner what comes of it. */
const RISING = 3
/** Trouble from which on it goes down; without a picture, to say that no voice gets through. */
const ENOUGH = 4
const NO_VOICE = 8
/** Seconds after which a rise has held. */
const HELD = 20

export const TOP: Standing = {
  rung: 0,
  trouble: 0,
  calm: 0,
  settling: SETTLING,
  patience: PATIENCE,
  tried: undefined,
  roundTrips: [],
}

export function rungOf({ rung }: Standing): Rung {
  return RUNGS[rung] ?? RUNGS[0]
}

/** The line was gone for a while: what is counted next is of that. */
export function settle(standing: Standing): Standing {
  return { ...standing, trouble: 0, calm: 0, settling: SETTLING }
}

/** The standing after one more second. */
export function step(before: Standing, look: Look): Standing {
  const standing = remember(before, look)
  if (standing.settling > 0) return { ...standing, settling: standing.settling - 1 }
  const bad = badness(standing, look)
  const trouble = bad > 0 ? standing.trouble + bad : Math.max(0, standing.trouble - 1)
  const enough = rungOf(standing).picture === "paused" ? NO_VOICE : ENOUGH
  if (trouble >= enough && standing.rung < LAST) return fall(standing, look)
  const calm = isCalm(standing, look) ? standing.calm + 1 : 0
  if (standing.rung > 0 && calm >= standing.patience && worthARise(standing, look)) return rise(standing)
  return { ...standing, trouble, calm }
}

function remember(before: Standing, { roundTrip }: Look): Standing {
  const roundTrips = roundTrip === undefined ? before.roundTrips : [...before.roundTrips, roundTrip].slice(-60)
  if (before.tried === undefined) return { ...before, roundTrips }
  const tried = before.tried + 1
  return tried < HELD ? { ...before, roundTrips, tried } : { ...before, roundTrips, tried: undefined, patience: PATIENCE }
}

/** 0 for a second that was right on this rung, 2 for one that was far from it. */
function badness(standing: Standing, look: Look): 0 | 1 | 2 {
  const { carries, picture } = rungOf(standing)
  const waits = queueing(standing, look)
  // Without a picture there is little left to save: only what a voice cannot live with counts.
  if (picture === "paused") return look.lost > 0.35 || waits > 2000 ? 1 : 0
  const available = look.available ?? Infinity
  if (look.lost > 0.25 || waits > 1500 || available < carries / 2) return 2
  return look.lost > 0.12 || waits > 600 || available < carries ? 1 : 0
}

/** ms that packets wait in queues on the way, beyond the line's own round trip. */
function queueing({ roundTrips }: Standing, { roundTrip }: Look): number {
  return roundTrip === undefined ? 0 : roundTrip - Math.min(...roundTrips)
}

function isCalm(standing: Standing, look: Look): boolean {
  // A voice alone is told of every five seconds: its losses come in lumps.
  const most = rungOf(standing).picture === "paused" ? 0.15 : 0.09
  return look.lost < most && queueing(standing, look) < 300
}

function worthARise({ rung }: Standing, { available }: Look): boolean {
  const from = RUNGS[rung - 1]?.from
  return from === undefined || available === undefined || available >= from
}

function fall(standing: Standing, look: Look): Standing {
  const fits = RUNGS.findIndex(({ carries }, rung) => rung > standing.rung && carries <= (look.available ?? Infinity))
  const early = standing.tried !== undefined
  const patience = early ? Math.min(MOST_PATIENCE, standing.patience * 2) : standing.patience
  return { ...standing, rung: fits, trouble: 0, calm: 0, settling: SETTLING, patience, tried: undefined }
}

function rise(standing: Standing): Standing {
  return { ...standing, rung: standing.rung - 1, trouble: 0, calm: 0, settling: RISING, tried: 0 }
}
