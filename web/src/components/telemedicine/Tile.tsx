import { useSignal } from "@preact/signals"
import { type ComponentChildren, type JSX } from "preact"
import { useEffect } from "preact/hooks"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type CallPeer } from "../../lib/call/types"
import { Icon } from "../Icon"
import { connectionWords, initial } from "./callWords"
import { StreamPicture } from "./StreamPicture"

interface TileProps {
  peer: CallPeer
  main: boolean
  /** Makes this one large, or no longer; undefined where there is nothing to choose. */
  pin: (() => void) | undefined
}

interface PersonProps extends TileProps {
  onLine: () => void
}

/** One person in the call: picture or name, and the state of the line in words. */
export function Tile({ peer, main, pin, onLine }: PersonProps) {
  return (
    <figure
      class={main ? "tile main" : "tile"}
      data-peer={peer.memberId}
      data-sealed={peer.sealed}
      data-quality={peer.quality}
      data-speaking={peer.speaking.value}
    >
      <PersonPicture peer={peer} />
      {pin && <Pin label={t("call.pin", { name: peer.name })} pressed={main} onClick={pin} />}
      <figcaption>
        {peer.muted && peer.connection === "connected" && <MutedMark />}
        <bdi class="name">{peer.name}</bdi>
        {peer.speaking.value && <span class="unseen">{t("call.speaking")}</span>}
        <button type="button" class={`line ${peer.quality}`} aria-haspopup="dialog" onClick={onLine}>
          {connectionWords(peer)}
          <span class="unseen"> ({t("line.show")})</span>
        </button>
      </figcaption>
    </figure>
  )
}

/** Somebody's picture, or why there is none. */
export function PersonPicture({ peer }: { peer: CallPeer }) {
  const visible = !peer.cameraOff && !peer.picturePaused && peer.sealed === "yes" && peer.connection !== "ringing"
  return (
    <>
      <StreamPicture
        stream={visible ? peer.cameraStream : undefined}
        label={t("call.pictureOf", { name: peer.name })}
      />
      {!visible && <Placeholder peer={peer} />}
    </>
  )
}

/** A screen that somebody shares. */
export function ScreenTile({ peer, main, pin }: TileProps) {
  return (
    <figure class={main ? "tile screen main" : "tile screen"}>
      <StreamPicture stream={peer.screenStream} label={t("call.screenOf", { name: peer.name })} />
      {pin && <Pin label={t("call.pinScreen", { name: peer.name })} pressed={main} onClick={pin} />}
      <figcaption>
        <span>
          <Words k="call.sharing" name={peer.name} />
        </span>
      </figcaption>
    </figure>
  )
}

export function MutedMark() {
  return (
    <span class="muted" title={t("call.muted")}>
      <Icon name="microphoneOff" />
      <span class="unseen">{t("call.muted")}</span>
    </span>
  )
}

function Pin({ label, pressed, onClick }: { label: string; pressed: boolean; onClick: () => void }) {
  return (
    <button type="button" class="on-picture pin" aria-pressed={pressed} aria-label={label} title={label} onClick={onClick}>
      <Icon name={pressed ? "shrink" : "grow"} />
    </button>
  )
}

/** ms until it is said that something takes long. */
const LONG = 8000

/** What is waited for; after a while also what can be done instead. */
export function Awaited({ what }: { what: string }) {
  const long = useSignal(false)
  useEffect(() => {
    long.value = false
    const timer = setTimeout(() => void (long.value = true), LONG)
    return () => clearTimeout(timer)
  }, [what])
  return (
    <div role="status">
      <p>{what}</p>
      {long.value && what === t("call.connecting") && <p>{t("call.slow")}</p>}
    </div>
  )
}

/** Where the line is there, its first picture is not. */
const awaited = (peer: CallPeer): string => (peer.connection === "connected" ? t("call.connecting") : connectionWords(peer))

function Placeholder({ peer }: { peer: CallPeer }): JSX.Element {
  return (
    <Faceless name={peer.name}>
      {peer.sealed === "cannot-be-opened" ? (
        <p role="alert">{t("call.unopenable")}</p>
      ) : peer.sealed === "unannounced" ? (
        <p role="alert">{t("call.unannounced")}</p>
      ) : peer.connection === "connected" && peer.picturePaused ? (
        <p role="status">
          <Words k="call.line.theirPaused" name={peer.name} />
        </p>
      ) : peer.connection === "connected" && peer.cameraOff ? (
        <p>
          <Words k="call.noPicture" name={peer.name} />
        </p>
      ) : (
        <Awaited what={awaited(peer)} />
      )}
    </Faceless>
  )
}

/** In place of a picture. */
export function Faceless({ name, children }: { name: string; children?: ComponentChildren }) {
  return (
    <div class="placeholder">
      <span class="initial" aria-hidden="true">
        {initial(name)}
      </span>
      {children}
    </div>
  )
}
