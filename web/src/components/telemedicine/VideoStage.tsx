import { useSignal } from "@preact/signals"
import { t } from "../../i18n/index"
import { type Calls } from "../../lib/call/types"
import { later } from "../later"
import { waitingWords } from "./callWords"
import { layoutOf, type Picture } from "./layout"
import { OwnPicture, OwnTile } from "./OwnPicture"
import { Sound } from "./Sound"
import { Awaited, ScreenTile, Tile } from "./Tile"
import { useMedia } from "./visibility"
import "./stage.css"

const LineDetails = later(() => import("./LineDetails"))

/** The pictures and sounds of a call. */
export default function VideoStage({ calls }: { calls: Calls }) {
  const pinned = useSignal<string | undefined>(undefined)
  const asked = useSignal<string | undefined>(undefined)
  const peers = calls.peers.value
  const askedOf = peers.find(({ key }) => key === asked.value)
  const { pictures, main, ownInside } = layoutOf(peers, pinned.value)
  const small = pictures.length + (ownInside ? 1 : 0) - (main === undefined ? 0 : 1)

  const tileOf = ({ key, kind, peer }: Picture) => {
    // A screen that is large by itself is not made so by a click.
    const choosable = pictures.length > 1 && (key !== main || key === pinned.value)
    const props = { peer, main: key === main, pin: choosable ? () => pin(key) : undefined }
    return kind === "screen" ? <ScreenTile key={key} {...props} /> : <Tile key={key} {...props} onLine={() => void (asked.value = peer.key)} />
  }
  const pin = (key: string): void => {
    pinned.value = pinned.value === key ? undefined : key
  }
  return (
    <div class="pictures">
      {peers.length === 0 ? (
        <div class="stage-words">
          <Awaited what={waitingWords(calls.state.value, peers)} />
        </div>
      ) : (
        <div
          class="tiles"
          data-layout={main === undefined ? "same" : "one-large"}
          data-count={Math.min(5, small)}
          style={{ "--strip": String(small) }}
        >
          {pictures.map(tileOf)}
          {ownInside && <OwnTile key="own" calls={calls} />}
        </div>
      )}
      {peers.map((peer) => (
        <Sound key={peer.key} stream={peer.audioStream} speaker={calls.chosen.value.speaker} />
      ))}
      {!ownInside && calls.preview.value && <OwnPicture calls={calls} stream={calls.preview.value} />}
      {calls.sharing.value && <p class="sharing-self badge">{t("call.sharingSelf")}</p>}
      <MutedHint shown={calls.speakingWhileMuted.value} />
      {askedOf && <LineDetails peer={askedOf} onClose={() => void (asked.value = undefined)} />}
    </div>
  )
}

/** The region is there before its words are, so that screen readers say them. */
function MutedHint({ shown }: { shown: boolean }) {
  const touch = useMedia("(pointer: coarse)")
  return (
    <div class="speaking-muted" role="status">
      {shown && <p>{t(touch ? "call.speakingMutedTouch" : "call.speakingMuted")}</p>}
    </div>
  )
}
