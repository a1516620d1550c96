import { expect, it } from "vitest"
import { Voice } from "./voice.ts"

const heard = (...levels: number[]): boolean => {
  const voice = new Voice()
  return levels.map((level) => voice.hear(level)).some((speaks) => speaks)
}

it("a voice is loud for most of a second", () => expect(heard(0, 0.6, 0.1, 0.6, 0.6)).toBe(true))

it("a key that is struck is none", () => expect(heard(0, 0.7, 0, 0, 0.7, 0, 0, 0.7, 0)).toBe(false))

it("hum is none, and a voice above it is one", () => {
  const hum = Array.from({ length: 20 }, () => 0.5)
  expect(heard(...hum)).toBe(false)
  expect(heard(...hum, 0.8, 0.8, 0.8)).toBe(true)
})
