/** Tells a voice from typing and from hum, by levels of 0 to 1, five a second. */

/** Levels that are remembered: ten seconds. */
const MEMORY = 50
const A_SECOND = 5
/** How many of a second's levels are loud when somebody speaks; a key that is struck is over sooner. */
const LOUD = 3
const LEAST = 0.4
/** Above what the room does all the time. */
const ABOVE = 0.2

export class Voice {
  #levels: number[] = []

  /** Whether somebody speaks now. */
  hear(level: number): boolean {
    this.#levels = [...this.#levels, level].slice(-MEMORY)
    const loud = Math.max(LEAST, Math.min(...this.#levels) + ABOVE)
    return this.#levels.slice(-A_SECOND).filter((each) => each > loud).length >= LOUD
  }
}
