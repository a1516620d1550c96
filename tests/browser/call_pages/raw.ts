/** A peer that has none of the call modules: it answers, and counts every frame that reaches it as it came. */
import { type CallSignal, type Peer } from "../../../web/src/lib/session/types.ts"
import RawWorkerUrl from "./rawWorker.ts?worker&url"
import { openLine, whoAmI } from "./line.ts"

export interface RawCounts {
  frames: number
  /** Have a header of the announced context and the sender's leaf, and open with the key. */
  sealed: number
  /** Anything else: it left the other browser unsealed, or under a key that nobody has. */
  foreign: number
  bytes: number
}

const line = openLine(whoAmI())
const worker = new Worker(RawWorkerUrl, { type: "module" })
const counts: RawCounts[] = [0, 1, 2].map(() => ({ frames: 0, sealed: 0, foreign: 0, bytes: 0 }))
worker.onmessage = ({ data }: MessageEvent<RawCounts[]>) => data.forEach((count, slot) => (counts[slot] = count))

let pc: RTCPeerConnection | undefined
let round = 0
let early: RTCIceCandidateInit[] = []

async function answer(from: Peer, { call, sdp }: Extract<CallSignal, { sdp: string }>): Promise<void> {
  const made = new RTCPeerConnection()
  pc = made
  made.ontrack = ({ transceiver }) => {
    const slot = made.getTransceivers().indexOf(transceiver)
    transceiver.receiver.transform = new RTCRtpScriptTransform(worker, { slot })
    transceiver.direction = "sendrecv"
    // A decoder must be asked for, or nothing is received.
    if (slot > 0) play(transceiver.receiver.track)
  }
  made.onicecandidate = ({ candidate }) => {
    if (candidate?.candidate === "") return
    void line.line.send(from, { type: "candidate", call, round, candidate: candidate?.candidate ?? null,
      mid: candidate?.sdpMid ?? "", line: candidate?.sdpMLineIndex ?? 0 })
  }
  await made.setRemoteDescription({ type: "offer", sdp })
  await made.setLocalDescription()
  await line.line.send(from, { type: "answer", call, sdp: made.localDescription?.sdp ?? "", round })
  for (const candidate of early) await made.addIceCandidate(candidate)
  early = []
}

function play(track: MediaStreamTrack): void {
  const video = document.createElement("video")
  Object.assign(video, { srcObject: new MediaStream([track]), muted: true, autoplay: true })
  document.body.append(video)
}

line.line.onSignal((from, said) => {
  if (said.type === "offer") void answer(from, said)
  else if (said.type === "media") {
    worker.postMessage({ leaf: from.leaf, context: said.context, key: new Uint8Array(32).fill(7), epoch: 1 })
  } else if (said.type === "candidate" && said.candidate !== null) {
    const candidate = { candidate: said.candidate, sdpMid: said.mid, sdpMLineIndex: said.line }
    if (pc?.remoteDescription) void pc.addIceCandidate(candidate)
    else early.push(candidate)
  }
})

Object.assign(window, {
  line,
  counts,
  accept: () => {
    const offer = line.heard.find(({ signal }) => signal.type === "offer")
    const to = line.line.peers.value.find(({ name }) => name === offer?.from)
    if (offer && to) void line.line.send(to, { type: "accept", call: offer.signal.call })
  },
  connected: () => pc?.connectionState === "connected",
})
document.body.dataset["ready"] = "yes"
