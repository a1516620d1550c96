/** Which pictures a call shows, and which of them is large. Pure. */
import { type CallPeer } from "../../lib/call/types"

export interface Picture {
  /** Stays the same as long as the picture does. */
  key: string
  kind: "face" | "screen"
  peer: CallPeer
}

export interface Layout {
  pictures: readonly Picture[]
  /** Key of the large one, with the others in a strip beside it; undefined where all have the same size. */
  main: string | undefined
  /** The own picture has a place among the others; else it lies over them and can be moved. */
  ownInside: boolean
}

/** Others from which on the own picture makes four of a kind. */
const FULL = 3

/** `pinned`: key of the picture that was asked for. */
export function layoutOf(peers: readonly CallPeer[], pinned: string | undefined): Layout {
  const screens = peers.filter(({ sharing }) => sharing).map((peer) => pictureOf("screen", peer))
  const pictures = [...screens, ...peers.map((peer) => pictureOf("face", peer))]
  const wanted = pictures.length > 1 ? pictures.find(({ key }) => key === pinned) : undefined
  const main = (wanted ?? screens[0])?.key
  return { pictures, main, ownInside: main !== undefined || peers.length >= FULL }
}

function pictureOf(kind: Picture["kind"], peer: CallPeer): Picture {
  return { key: `${kind} ${peer.key}`, kind, peer }
}
