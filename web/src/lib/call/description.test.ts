import { describe, expect, it } from "vitest"
import { DescriptionRefused, isDescribed, readDescription, tidy } from "./description.ts"

const PRINT = Array.from({ length: 32 }, () => "0A").join(":")

function section(kind: string, payloads: string[], maps: string[], print = PRINT): string[] {
  return [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${payloads.join(" ")}`,
    "c=IN IP4 0.0.0.0",
    `a=fingerprint:sha-256 ${print}`,
    ...maps.map((map) => `a=rtpmap:${map}`),
  ]
}
const microphone = section("audio", ["111"], ["111 opus/48000/2"])
const picture = section("video", ["96", "97"], ["96 VP8/90000", "97 rtx/90000"])
const sdp = (...sections: string[][]): string => ["v=0", "s=-", ...sections.flat(), ""].join("\r\n")

describe("a session description", () => {
  it("of a microphone, a camera and a screen tells its certificate", () => {
    const { fingerprint } = readDescription(sdp(microphone, picture, picture))
    expect([...fingerprint]).toEqual(Array(32).fill(10))
  })

  it.each([
    ["no sections", sdp()],
    ["a section too few", sdp(microphone, picture)],
    ["a section too many", sdp(microphone, picture, picture, picture)],
    ["another order", sdp(picture, microphone, picture)],
    ["a data channel", sdp(microphone, picture, section("application", ["96"], []))],
    ["another codec", sdp(microphone, picture, section("video", ["96"], ["96 H264/90000"]))],
    ["redundant sound", sdp(section("audio", ["63", "111"], ["63 red/48000/2", "111 opus/48000/2"]), picture, picture)],
    ["a payload type without a codec", sdp(section("audio", ["0"], []), picture, picture)],
    ["two certificates", sdp(microphone, picture, section("video", ["96"], ["96 VP8/90000"], PRINT.replace("0A", "0B")))],
    ["a weak fingerprint", sdp(microphone, picture, picture).replaceAll("sha-256", "sha-1")],
    ["unencrypted media", sdp(microphone, picture, picture).replaceAll("UDP/TLS/RTP/SAVPF", "RTP/AVP")],
    ["a section without a certificate", sdp(microphone, picture, picture.filter((line) => !line.includes("fingerprint")))],
  ])("with %s is refused", (_, text) => {
    expect(() => readDescription(text)).toThrow(DescriptionRefused)
  })

  it("is compared with the certificate in use", async () => {
    const certificate = new Uint8Array([1, 2, 3])
    const fingerprint = new Uint8Array(await crypto.subtle.digest("SHA-256", certificate))
    expect(await isDescribed({ fingerprint }, certificate)).toBe(true)
    expect(await isDescribed({ fingerprint }, new Uint8Array([1, 2, 4]))).toBe(false)
  })
})

it("is tidied of what it says about codecs that it does not have", () => {
  const left = ["a=rtcp-fb:121 nack", "a=fmtp:121 apt=96", "a=rtcp-fb:96 nack", "a=rtcp-fb:* nack"]
  const untidy = sdp(microphone, [...picture, ...left], picture)
  expect(tidy(untidy)).toBe(sdp(microphone, [...picture, ...left.slice(2)], picture))
})
