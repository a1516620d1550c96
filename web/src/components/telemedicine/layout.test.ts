import { describe, expect, it } from "vitest"
import { type CallPeer } from "../../lib/call/types"
import { layoutOf } from "./layout"

const peer = (key: string, sharing = false): CallPeer => ({ key, sharing }) as unknown as CallPeer
const [ann, kim, lee] = [peer("ann"), peer("kim"), peer("lee")]

describe("the pictures of a call", () => {
  it("have one size for one and two others, under the own one", () => {
    expect(layoutOf([ann], undefined)).toMatchObject({ main: undefined, ownInside: false })
    expect(layoutOf([ann, kim], undefined)).toMatchObject({ main: undefined, ownInside: false })
  })

  it("are four with the own one where three others are", () => {
    expect(layoutOf([ann, kim, lee], undefined)).toMatchObject({ main: undefined, ownInside: true })
  })

  it("have a shared screen large, in front of who shares it", () => {
    const { pictures, main, ownInside } = layoutOf([ann, peer("kim", true)], undefined)
    expect(pictures.map(({ key }) => key)).toEqual(["screen kim", "face ann", "face kim"])
    expect([main, ownInside]).toEqual(["screen kim", true])
  })

  it("have whoever was asked for large, also beside a screen, and while they are there", () => {
    expect(layoutOf([ann, peer("kim", true)], "face ann").main).toBe("face ann")
    expect(layoutOf([ann, kim], "face lee").main).toBeUndefined()
    expect(layoutOf([ann], "face ann").main).toBeUndefined()
  })
})
