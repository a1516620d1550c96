/** What happens in a call, said to who does not see it: who comes, goes, is muted, shares, and why it is over. */
import { useEffect, useRef } from "preact/hooks"
import { announce } from "../../components/notices"
import { endWords } from "../../components/telemedicine/callWords"
import { t } from "../../i18n/index"
import { type CallPeer, type Calls } from "../../lib/call/types"
import { inCall } from "./Stage"

type Heard = Pick<CallPeer, "name" | "muted" | "sharing">

export function useSpokenCall(calls: Calls | undefined): void {
  useSpokenEnd(calls)
  useSpokenPeers(calls)
  useSpokenSelf(calls)
}

function useSpokenEnd(calls: Calls | undefined): void {
  const state = calls?.state.value
  useEffect(() => {
    if (state?.kind === "ended") announce(endWords(state.reason))
  }, [state])
}

function useSpokenPeers(calls: Calls | undefined): void {
  const peers = calls?.peers.value
  const calling = calls !== undefined && inCall(calls.state.value)
  const before = useRef<ReadonlyMap<string, Heard>>(new Map())
  useEffect(() => {
    const now = new Map(peers?.filter(({ connection }) => connection === "connected").map((peer) => [peer.key, peer]))
    // Who is connecting again has not left.
    const there = new Set(peers?.filter(({ connection }) => connection !== "ringing").map(({ key }) => key))
    const sentences = calling ? changes(before.current, now, there) : []
    const kept = [...before.current].filter(([key]) => there.has(key))
    before.current = new Map<string, Heard>(calling ? [...kept, ...now] : [])
    if (sentences.length > 0) announce(sentences.join(". "))
  }, [peers, calling])
}

function changes(before: ReadonlyMap<string, Heard>, now: ReadonlyMap<string, Heard>, there: ReadonlySet<string>): string[] {
  const left = [...before].filter(([key]) => !there.has(key)).map(([, { name }]) => t("live.call.left", { name }))
  const other = [...now].flatMap(([key, peer]) => {
    const was = before.get(key)
    const { name } = peer
    if (!was) return [t("live.call.joined", { name })]
    return [
      // At first nothing comes; that somebody begins to speak is heard.
      peer.muted && !was.muted && t("live.call.muted", { name }),
      peer.sharing && !was.sharing && t("call.sharing", { name }),
      !peer.sharing && was.sharing && t("live.call.unshared", { name }),
    ].filter((sentence) => sentence !== false)
  })
  return [...left, ...other]
}

/** The keys m and v work where the focus is on no button that would tell. */
function useSpokenSelf(calls: Calls | undefined): void {
  const calling = calls !== undefined && inCall(calls.state.value)
  const muted = calls?.muted.value
  const cameraOff = calls?.cameraOff.value
  const sharing = calls?.sharing.value
  const before = useRef<Readonly<Record<"muted" | "cameraOff" | "sharing", boolean | undefined>> | undefined>(undefined)
  useEffect(() => {
    const was = before.current
    before.current = calling ? { muted, cameraOff, sharing } : undefined
    if (!was || !calling) return
    if (was.muted !== muted) announce(t(muted ? "live.call.ownMuted" : "live.call.ownUnmuted"))
    if (was.cameraOff !== cameraOff) announce(t(cameraOff ? "live.call.ownCameraOff" : "live.call.ownCameraOn"))
    if (was.sharing !== sharing) announce(t(sharing ? "call.sharingSelf" : "live.call.ownUnshared"))
  }, [calling, muted, cameraOff, sharing])
}
