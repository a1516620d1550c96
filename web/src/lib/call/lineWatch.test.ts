import { beforeEach, describe, expect, it } from "vitest"
import { LineWatch } from "./lineWatch.ts"

const WATCHED = { connected: true, expecting: true, sending: true }

let watch: LineWatch
let counts: { received: number; sent: number; lostThere: number; at: number; measured: number }
beforeEach(() => {
  watch = new LineWatch()
  counts = { received: 0, sent: 0, lostThere: 0, at: 0, measured: 0 }
})

interface Second {
  came?: number
  lost?: number
  roundTrip?: number
  available?: number
  measured?: boolean
}

/** Seconds of a call in which 50 packets go out each second. */
function pass(seconds: number, what: Second = {}, watched = WATCHED): void {
  const { came = 50, lost = 0, roundTrip = 0.04, available = 2_000_000, measured = true } = what
  for (let second = 0; second < seconds; second++) {
    counts = {
      received: counts.received + came,
      sent: counts.sent + 50,
      lostThere: counts.lostThere + lost,
      at: counts.at + 1000,
      measured: counts.measured + (measured ? 1 : 0),
    }
    const report = new Map<string, object>([
      ["i", { type: "inbound-rtp", packetsReceived: counts.received }],
      ["o", { type: "outbound-rtp", packetsSent: counts.sent }],
      ["r", { type: "remote-inbound-rtp", packetsLost: counts.lostThere }],
      [
        "p",
        {
          type: "candidate-pair",
          id: "p",
          nominated: true,
          currentRoundTripTime: roundTrip,
          responsesReceived: counts.measured,
          availableOutgoingBitrate: available,
        },
      ],
    ])
    watch.look(report, watched, counts.at)
  }
}

const picture = (): string => watch.rung.value.picture
const word = (): string => watch.line.value.quality

describe("nothing comes", () => {
  it("is not said for 5 seconds, and then is", () => {
    pass(10)
    pass(4, { came: 0 })
    expect(word()).toBe("good")
    pass(1, { came: 0 })
    expect(word()).toBe("gone")
    pass(1)
    expect(word()).toBe("good")
  })

  it("is doubted once, after 3", () => {
    pass(10)
    const doubts = [1, 2, 3, 4, 5].map(() => {
      pass(1, { came: 0 })
      return watch.doubtful
    })
    expect(doubts).toEqual([false, false, true, false, false])
  })

  it("is no silence where nothing is to come, but where the connection is lost it is", () => {
    pass(10)
    pass(10, { came: 0 }, { ...WATCHED, expecting: false })
    expect(word()).toBe("good")
    pass(6, { came: 0 }, { connected: false, expecting: false, sending: true })
    expect(word()).toBe("gone")
  })

  it("does not make the picture smaller, nor do the losses that are told of afterwards", () => {
    pass(20)
    pass(30, { came: 0, lost: 50 })
    pass(1, { lost: 200 })
    pass(20)
    expect(picture()).toBe("full")
  })
})

describe("what is sent", () => {
  it("follows the line down and up", () => {
    pass(20)
    pass(20, { available: 20_000, lost: 10 })
    expect(picture()).toBe("paused")
    pass(60)
    expect(picture()).toBe("full")
  })

  it("is not moved by one long round trip, however long it stands there", () => {
    pass(20)
    pass(1, { roundTrip: 3 })
    pass(20, { roundTrip: 3, measured: false })
    expect(picture()).toBe("full")
  })

  it("does not take five seconds' losses, told of at once, for one second's", () => {
    pass(20)
    for (let report = 0; report < 10; report++) {
      pass(4)
      pass(1, { lost: 15 })
    }
    expect(picture()).toBe("full")
  })
})
