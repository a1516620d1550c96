import { describe, expect, it } from "vitest"
import { cameFrom } from "./plugged.ts"
import { type Device, type DeviceKind } from "./types.ts"

const device = (kind: DeviceKind, id: string, group = id, label = id): Device => ({ kind, id, label, group })
const built = [device("camera", "eye"), device("microphone", "default"), device("microphone", "ear")]
const headset = [device("microphone", "mouth", "headset"), device("speaker", "phones", "headset")]

describe("what was plugged in", () => {
  it("is both ends of a headset, and nothing else that is new", () => {
    expect(cameFrom(built, [...headset, ...built, device("camera", "other")])).toEqual(headset)
  })

  it("is nothing when a device went, or the same are there", () => {
    expect(cameFrom(built, built.slice(1))).toBeUndefined()
    expect(cameFrom(built, built)).toBeUndefined()
  })

  it("is nothing while the browser hides the names, or had shown no list before", () => {
    expect(cameFrom(built, [...built, device("camera", "other", "", "")])).toBeUndefined()
    expect(cameFrom([], built)).toBeUndefined()
  })

  it("is no entry that stands for another", () => {
    expect(cameFrom(built, [...built, device("speaker", "default"), device("speaker", "communications")])).toBeUndefined()
  })
})
