/** The call in a small window that stays on top of others: of this page's own making where the browser can, else one picture. */
import { effect } from "@preact/signals"
import { render } from "preact"
import { t } from "../../i18n/index"
import { type Calls } from "../../lib/call/types"
import { Icon } from "../Icon"
import { connectionWords, waitingWords } from "./callWords"
import { StreamPicture } from "./StreamPicture"
import { Awaited, PersonPicture } from "./Tile"

interface DocumentPictureInPicture {
  readonly window: Window | null
  requestWindow(options: { width: number; height: number }): Promise<Window>
}

const ofOwnMaking = () => (window as { documentPictureInPicture?: DocumentPictureInPicture }).documentPictureInPicture

export const canOpenSmallWindow = ofOwnMaking() !== undefined || document.pictureInPictureEnabled

/** Needs a click; whether there was something to show in it. Rejects where the browser refuses. */
export async function openSmallWindow(calls: Calls): Promise<boolean> {
  const own = ofOwnMaking()
  if (own) {
    show(calls, own.window ?? (await own.requestWindow({ width: 320, height: 280 })))
    return true
  }
  return (await largest()?.requestPictureInPicture()) !== undefined
}

function show(calls: Calls, opened: Window): void {
  const page = opened.document
  page.title = document.title
  page.documentElement.lang = document.documentElement.lang
  page.documentElement.dir = document.documentElement.dir
  for (const style of document.querySelectorAll("link[rel=stylesheet], style")) page.head.append(style.cloneNode(true))
  page.body.className = "small-window"
  render(<Small calls={calls} />, page.body)
  const ending = effect(() => {
    const { kind } = calls.state.value
    if (kind === "ended" || kind === "idle") opened.close()
  })
  opened.addEventListener("pagehide", () => {
    ending()
    render(null, page.body)
  })
}

/** The picture that is looked at most. */
function largest(): HTMLVideoElement | undefined {
  const videos = [...document.querySelectorAll<HTMLVideoElement>(".tile video:not([hidden])")]
  const shown = videos.filter(({ videoWidth }) => videoWidth > 0)
  return shown.find((video) => video.closest(".main")) ?? shown[0]
}

function Small({ calls }: { calls: Calls }) {
  const peers = calls.peers.value
  const speaker = peers.find(({ sharing }) => sharing) ?? peers.find(({ speaking }) => speaking.value) ?? peers[0]
  const muted = calls.muted.value
  return (
    <>
      {speaker ? (
        <figure class="tile main">
          {speaker.sharing ? (
            <StreamPicture stream={speaker.screenStream} label={t("call.screenOf", { name: speaker.name })} />
          ) : (
            <PersonPicture peer={speaker} />
          )}
          <figcaption>
            <bdi class="name">{speaker.name}</bdi>
            <span class={`line-word ${speaker.quality}`}>{connectionWords(speaker)}</span>
          </figcaption>
        </figure>
      ) : (
        <div class="stage-words">
          <Awaited what={waitingWords(calls.state.value, peers)} />
        </div>
      )}
      <div class="call-bar">
        <button type="button" class={muted ? "control off" : "control"} onClick={() => void calls.setMuted(!muted)}>
          <Icon name={muted ? "microphoneOff" : "microphone"} />
          {t(muted ? "call.unmute" : "call.mute")}
        </button>
        <button type="button" class="control hang-up" onClick={() => calls.hangUp()}>
          <Icon name="hangUp" />
          {t("call.hangUp")}
        </button>
      </div>
    </>
  )
}
