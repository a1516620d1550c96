/** Sentences about calls. */
import { names } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type CallPeer, type CallState, type EndReason } from "../../lib/call/types"

export function waitingWords(state: CallState, peers: readonly CallPeer[]): string {
  if (state.kind !== "ringing-out") return t("call.connecting")
  return peers.length > 0 ? t("call.ringingName", { name: names(peers.map(({ name }) => name)) }) : t("call.ringing")
}

/** Why a call is over, in a sentence. */
export function endWords(reason: EndReason): string {
  switch (reason) {
    case "hung-up":
    case "hung-up-by-other":
      return t("call.ended")
    case "missed":
      return t("call.missed")
    case "declined":
    case "declined-by-other":
      return t("call.declined")
    case "busy":
    case "cancelled":
    case "answered-elsewhere":
    case "lost":
    case "nobody-here":
    case "removed":
    case "sealing-stopped":
    case "alarm":
    case "failed":
      return t(`call.end.${reason}`)
  }
}

export function connectionWords(peer: CallPeer): string {
  switch (peer.connection) {
    case "ringing":
      return t("call.ringing")
    case "connecting":
      return t("call.connecting")
    case "reconnecting":
      return t("call.quality.gone")
    case "connected":
      return t(`call.quality.${peer.quality}`)
  }
}

/** First letter of a name, whole even where it is more than one code point. */
export function initial(name: string): string {
  const [first] = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(name.trim())
  return first?.segment.toLocaleUpperCase() ?? "?"
}
