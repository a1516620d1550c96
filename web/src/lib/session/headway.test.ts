import { expect, test } from "vitest"
import { headway } from "./headway.ts"
import { Unreachable } from "./http.ts"

const after = (...left: number[]) => {
  const goesOn = headway()
  return () => left.forEach(goesOn)
}

test("a log that is read nearer to its head is read on, even while it grows", () => {
  expect(after(900, 700, 720, 690, 695, 400, 0)).not.toThrow()
})

test("a head that always runs ahead of what is given is an error", () => {
  expect(after(1000, 1000, 1000, 1000)).toThrow(Unreachable)
  expect(after(1000, 1001, 1002, 1003)).toThrow(Unreachable)
})

test("a head beyond all logs is an error", () => {
  expect(after(2 ** 53 - 1, 2 ** 53 - 2, 2 ** 53 - 3)).toThrow(Unreachable)
})
