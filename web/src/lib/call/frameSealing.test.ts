import { beforeEach, describe, expect, it } from "vitest"
import { readFrameHeader } from "../encryption/frame.ts"
import { FrameKeyStore, type Media, StreamOpener, StreamSealer } from "./frameSealing.ts"

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
const context = (byte: number): Uint8Array => new Uint8Array(5).fill(byte)
const frame = (first: number, length = 40): Uint8Array => Uint8Array.from({ length }, (_, at) => (at === 0 ? first : at))
const keyFrame = frame(0x10)
const deltaFrame = frame(0x11)

const ROE = 3
let roes: FrameKeyStore
let anns: FrameKeyStore

/** Roe's sealer and what Ann opens it with. */
function stream(media: Media, ofContext = context(1)): { sealer: StreamSealer; opener: StreamOpener } {
  const opener = new StreamOpener(anns, media)
  opener.announced(ROE, ofContext)
  return { sealer: new StreamSealer(roes, media, ofContext), opener }
}

async function sealed(sealer: StreamSealer, plain = keyFrame): Promise<Uint8Array> {
  const frame = await sealer.seal(plain)
  if (!frame) throw new Error("not sealed")
  return frame
}

beforeEach(() => {
  roes = new FrameKeyStore()
  anns = new FrameKeyStore()
  roes.set({ leaf: ROE, epochs: [{ epoch: 5, key: key(9) }] })
  anns.set({ leaf: 1, epochs: [{ epoch: 5, key: key(9) }] })
})

describe("a sealed frame", () => {
  it.each([
    ["audio", keyFrame, 0],
    ["video", keyFrame, 10],
    ["video", deltaFrame, 3],
  ] as const)("of %s opens to what it was, and shows no more than its readable part", async (media, plain, readable) => {
    const { sealer, opener } = stream(media)
    const shown = await sealed(sealer, plain)
    expect(shown.slice(0, readable)).toEqual(plain.slice(0, readable))
    expect(Buffer.from(shown).includes(Buffer.from(plain.slice(readable, readable + 8)))).toBe(false)
    expect(await opener.open(shown)).toEqual(plain)
  })

  it("is refused when any of its bytes was changed", async () => {
    const { sealer, opener } = stream("video")
    const whole = await sealed(sealer, deltaFrame)
    for (let at = 0; at < whole.length; at++) {
      const changed = Uint8Array.from(whole)
      changed[at] = (changed[at] ?? 0) ^ 2
      expect(await opener.open(changed), `byte ${at}`).toBeTypeOf("string")
    }
    expect(await opener.open(whole)).toEqual(deltaFrame)
  })

  it("opens once only", async () => {
    const { sealer, opener } = stream("audio")
    const once = await sealed(sealer)
    expect(await opener.open(once)).toEqual(keyFrame)
    expect(await opener.open(once)).toBe("undecodable")
  })

  it("is not opened as another stream's, nor as another member's", async () => {
    const { sealer } = stream("audio")
    const { opener: screen } = stream("audio", context(2))
    expect(await screen.open(await sealed(sealer))).toBe("unsealed")
    const another = new StreamOpener(anns, "audio")
    another.announced(ROE + 1, context(1))
    expect(await another.open(await sealed(sealer))).toBe("unsealed")
  })

  it("waits for its context to be announced", async () => {
    const { sealer } = stream("audio")
    const opener = new StreamOpener(anns, "audio")
    expect(await opener.open(await sealed(sealer))).toBe("early")
  })

  it("does not open without its key", async () => {
    const { sealer, opener } = stream("audio")
    anns.set({ leaf: 1, epochs: [{ epoch: 5, key: key(8) }] })
    expect(await opener.open(await sealed(sealer))).toBe("undecodable")
    anns.set(undefined)
    expect(await opener.open(await sealed(sealer))).toBe("undecodable")
  })
})

describe("an unsealed frame", () => {
  it.each([
    ["audio", keyFrame],
    ["video", keyFrame],
    ["video", deltaFrame],
    ["video", frame(0x10, 10)],
    ["audio", new Uint8Array(0)],
  ] as const)("of %s is known as such", async (media, plain) => {
    expect(await stream(media).opener.open(plain)).toBe("unsealed")
  })
})

describe("a sealer", () => {
  it("never uses a counter twice under a key, also when an epoch comes back", async () => {
    const { sealer } = stream("audio")
    const used = new Set<string>()
    for (const epoch of [5, 6, 5, 6]) {
      roes.set({ leaf: ROE, epochs: [{ epoch, key: key(epoch) }] })
      for (let count = 0; count < 20; count++) {
        const header = readFrameHeader(await sealed(sealer), 0)
        used.add(`${header?.kid} ${header?.counter}`)
      }
    }
    expect(used.size).toBe(80)
  })

  it("lets nothing out without a key", async () => {
    const { sealer } = stream("video")
    roes.set(undefined)
    expect(await sealer.seal(keyFrame)).toBeUndefined()
    roes.set({ leaf: ROE, epochs: [] })
    expect(await sealer.seal(keyFrame)).toBeUndefined()
  })

  it("lets nothing out that is shorter than its readable part", async () => {
    expect(await stream("video").sealer.seal(frame(0x10, 10))).toBeUndefined()
    expect(await stream("video").sealer.seal(new Uint8Array(0))).toBeUndefined()
  })
})

describe("after a change of the epoch", () => {
  it("frames of the one before open as long as its key is held", async () => {
    const { sealer, opener } = stream("audio")
    const [early, late] = [await sealed(sealer), await sealed(sealer)]
    anns.set({ leaf: 1, epochs: [{ epoch: 6, key: key(6) }, { epoch: 5, key: key(9) }] })
    expect(await opener.open(early)).toEqual(keyFrame)
    anns.set({ leaf: 1, epochs: [{ epoch: 6, key: key(6) }] })
    expect(await opener.open(late)).toBe("undecodable")
  })

  it("who has no key of it opens nothing", async () => {
    const { sealer, opener } = stream("audio")
    roes.set({ leaf: ROE, epochs: [{ epoch: 6, key: key(6) }, { epoch: 5, key: key(9) }] })
    expect(await opener.open(await sealed(sealer))).toBe("undecodable")
  })
})
