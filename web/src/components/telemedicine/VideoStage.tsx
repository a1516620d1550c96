import { type JSX } from "preact"
import { useEffect, useRef } from "preact/hooks"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type CallPeer, type Calls } from "../../lib/call/types"
import { Icon } from "../Icon"
import { OwnPicture } from "./OwnPicture"
import { connectionWords, initial, waitingWords } from "./callWords"
import { StreamPicture } from "./StreamPicture"
import "./stage.css"

/** The pictures and sounds of a call. */
export default function VideoStage({ calls }: { calls: Calls }) {
  const state = calls.state.value
  const peers = calls.peers.value
  const sharer = peers.find(({ sharing }) => sharing)
  return (
    <div class="pictures" data-count={Math.min(4, peers.length)} data-sharing={sharer !== undefined}>
      {sharer && (
        <figure class="tile screen">
          <StreamPicture stream={sharer.screenStream} label={t("call.screenOf", { name: sharer.name })} />
          <figcaption>
            <span>
              <Words k="call.sharing" name={sharer.name} />
            </span>
          </figcaption>
        </figure>
      )}
      {peers.length === 0 ? (
        <p class="stage-words">{waitingWords(state, peers)}</p>
      ) : (
        <div class="faces">
          {peers.map((peer) => (
            <Tile key={peer.key} peer={peer} />
          ))}
        </div>
      )}
      {peers.map((peer) => (
        <Sound key={peer.key} stream={peer.audioStream} speaker={calls.chosen.value.speaker} />
      ))}
      {calls.preview.value && <OwnPicture stream={calls.preview.value} />}
      {calls.sharing.value && <p class="sharing-self badge">{t("call.sharingSelf")}</p>}
      {calls.speakingWhileMuted.value && (
        <p class="speaking-muted" role="status">
          {t("call.speakingMuted")}
        </p>
      )}
    </div>
  )
}

/** One person in the call: picture or name, and the state of the line in words. */
function Tile({ peer }: { peer: CallPeer }) {
  const words = connectionWords(peer)
  const visible = !peer.cameraOff && peer.sealed === "yes" && peer.connection !== "ringing"
  return (
    <figure class="tile" data-peer={peer.memberId} data-sealed={peer.sealed} data-quality={peer.quality}>
      <StreamPicture
        stream={visible ? peer.cameraStream : undefined}
        label={t("call.pictureOf", { name: peer.name })}
        speaking={peer.level.value > 0.1}
      />
      {!visible && <Placeholder peer={peer} />}
      <figcaption>
        {peer.muted && peer.connection === "connected" && (
          <span class="muted" title={t("call.muted")}>
            <Icon name="microphoneOff" />
            <span class="unseen">{t("call.muted")}</span>
          </span>
        )}
        <bdi class="name">{peer.name}</bdi>
        <span class={`line ${peer.quality}`}>{words}</span>
      </figcaption>
    </figure>
  )
}

function Placeholder({ peer }: { peer: CallPeer }): JSX.Element {
  return (
    <div class="placeholder">
      <span class="initial" aria-hidden="true">
        {initial(peer.name)}
      </span>
      {peer.sealed === "cannot-be-opened" ? (
        <p role="alert">{t("call.unopenable")}</p>
      ) : peer.connection === "connected" && peer.cameraOff ? (
        <p>
          <Words k="call.noPicture" name={peer.name} />
        </p>
      ) : (
        // The line is there, its first picture is not.
        <p>{peer.connection === "connected" ? t("call.connecting") : connectionWords(peer)}</p>
      )}
    </div>
  )
}

/** Only some browsers let a page choose the loudspeaker. */
type Sink = Omit<HTMLAudioElement, "setSinkId"> & { setSinkId?: (id: string) => Promise<void> }

async function speakOn(sink: Sink, speaker: string | undefined): Promise<void> {
  try {
    await sink.setSinkId?.(speaker ?? "")
  } catch {
    // A loudspeaker that is gone: the browser's own choice is heard instead.
  }
}

function Sound({ stream, speaker }: { stream: MediaStream | undefined; speaker: string | undefined }) {
  const audio = useRef<HTMLAudioElement>(null)
  useEffect(() => {
    if (audio.current) audio.current.srcObject = stream ?? null
  }, [stream])
  useEffect(() => {
    if (audio.current) void speakOn(audio.current, speaker)
  }, [speaker])
  return <audio ref={audio} autoplay />
}
