import { expect, test } from "vitest"
import { secretOf } from "./link"

const secret = `${"A".repeat(42)}E`

test("a whole secret is taken, with or without the mark of a passcode", () => {
  expect(secretOf(`#${secret}`)).toEqual({ secret, passcode: false })
  expect(secretOf(`#${secret}.p`)).toEqual({ secret: `${secret}.p`, passcode: true })
})

test("a secret that lost a character, gained one or does not encode back to itself is none", () => {
  for (const fragment of ["", "#", `#${secret.slice(1)}`, `#${secret}A`, `#${"A".repeat(42)}B`, `#${secret}.q`, `#${secret}=`])
    expect(secretOf(fragment), fragment).toBeUndefined()
})
