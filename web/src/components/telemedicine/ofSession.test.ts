import { expect, test } from "vitest"
import { type Session } from "../../lib/session/types"
import { doubtful } from "./FileTransfer"
import { viewed } from "./preview/viewing"

const session = (id: string) => ({ id }) as Session

test("a file that waits for an answer, and one that is looked at, are of one session only", () => {
  const [first, second] = [session("a"), session("b")]
  doubtful(first).value = [{ file: new File(["MZ"], "setup.exe"), doubt: "program" }]
  viewed(first).value = "letter"
  expect([doubtful(second).value, viewed(second).value]).toEqual([[], undefined])
  expect(doubtful(first).value).toHaveLength(1)
  // Another page of the same session begins anew.
  expect(doubtful(session("a")).value).toEqual([])
})
