import { expect, it } from "vitest"
import { type SlotCounts } from "./frameMessages.ts"
import { type Link } from "./link.ts"
import { PeerView } from "./peerView.ts"

const NONE: SlotCounts = { sealed: 0, unsent: 0, opened: 0, unsealed: 0, undecodable: 0, early: 0 }

/** A peer whose frames are counted as the test says, second by second. */
function watched() {
  const counts = { ...NONE }
  const remote = { audio: true, video: true, screen: false, paused: false }
  const link = { peer: { memberId: "roe", name: "Roe" }, streams: [], remote, state: "connected", shape: () => Promise.resolve() }
  const view = new PeerView("1:a", link as unknown as Link, () => counts)
  return async (more: Partial<SlotCounts>): Promise<string> => {
    for (const [kind, count] of Object.entries(more)) counts[kind as keyof SlotCounts] += count
    await view.poll(true, 500_000)
    return view.shown.peek().sealed
  }
}

it("frames whose sealing was never announced are not said to be sealed for somebody else", async () => {
  const second = watched()
  expect(await second({ early: 30 })).toBe("waiting")
  expect(await second({ early: 30 })).toBe("unannounced")
  expect(await second({ opened: 30 })).toBe("yes")
})

it("frames that no key opens are", async () => {
  const second = watched()
  await second({ undecodable: 30 })
  expect(await second({ undecodable: 30 })).toBe("cannot-be-opened")
})
