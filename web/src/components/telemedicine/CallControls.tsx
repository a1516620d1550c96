import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { number, t } from "../../i18n/index"
import { type Calls } from "../../lib/call/types"
import { Dialog } from "../Dialog"
import { focusIsLost } from "../focus"
import { Icon, type IconName } from "../Icon"
import { LanguageSelect } from "../LanguageSelect"
import { later } from "../later"
import { useMediaKeys } from "./mediaKeys"

const DeviceMenu = later(() => import("./DeviceMenu"))
const CallMore = later(() => import("./CallMore"))

/** Telephones have no screen to share, and pages without https no devices at all. */
const canShare = "mediaDevices" in navigator && "getDisplayMedia" in navigator.mediaDevices

interface Props {
  calls: Calls
  relayOnly: boolean
  unread: number
  onPanel: (tab: "chat" | "participants") => void
}

/** What can be done in a call. The buttons stay where they are, whatever happens. */
export default function CallControls({ calls, relayOnly, unread, onPanel }: Props) {
  const more = useSignal(false)
  const muted = calls.muted.value
  const cameraOff = calls.cameraOff.value
  const bar = useRef<HTMLDivElement>(null)
  useCallKeys(calls)
  useMediaKeys(calls)
  // "Start call" and "Answer" have gone with what they stood in.
  useEffect(() => {
    if (focusIsLost()) bar.current?.querySelector("button")?.focus()
  }, [])
  return (
    <div ref={bar} class="call-bar" role="toolbar" aria-label={t("call.bar")}>
      <Control
        icon={muted ? "microphoneOff" : "microphone"}
        label={t(muted ? "call.unmute" : "call.mute")}
        other={t(muted ? "call.mute" : "call.unmute")}
        hint={t("call.muteKey")}
        off={muted}
        onClick={() => void calls.setMuted(!muted)}
      />
      <Control
        icon={cameraOff ? "cameraOff" : "camera"}
        label={t(cameraOff ? "call.cameraOn" : "call.cameraOff")}
        other={t(cameraOff ? "call.cameraOff" : "call.cameraOn")}
        hint={t("call.cameraKey")}
        off={cameraOff}
        onClick={() => void calls.setCameraOff(!cameraOff)}
      />
      {canShare && (
        <Control
          icon="screen"
          label={t(calls.sharing.value ? "call.unshare" : "call.share")}
          other={t(calls.sharing.value ? "call.share" : "call.unshare")}
          off={calls.sharing.value}
          onClick={() => (calls.sharing.value ? calls.stopSharing() : void calls.shareScreen())}
        />
      )}
      <Control icon="chat" label={t("call.chat")} count={unread} onClick={() => onPanel("chat")} />
      <Control icon="people" label={t("call.people")} onClick={() => onPanel("participants")} />
      <Control icon="menu" label={t("call.more")} onClick={() => void (more.value = true)} />
      <button type="button" class="control hang-up" title={t("call.hangUp")} onClick={() => calls.hangUp()}>
        <Icon name="hangUp" />
        <span class="label">{t("call.hangUp")}</span>
      </button>
      {more.value && (
        <Dialog title={t("device.title")} onClose={() => void (more.value = false)}>
          <DeviceMenu desk={calls} />
          <CallMore calls={calls} onDone={() => void (more.value = false)} />
          <p class="quiet">{t(relayOnly ? "call.relayOnly" : "call.direct")}</p>
          <LanguageSelect />
        </Dialog>
      )}
    </div>
  )
}

interface ControlProps {
  icon: IconName
  label: string
  /** What the button says after it was pressed: it is wide enough for both, so that nothing moves. */
  other?: string
  hint?: string
  off?: boolean
  count?: number
  onClick: () => void
}

function Control({ icon, label, other, hint, off = false, count = 0, onClick }: ControlProps) {
  return (
    <button type="button" class={off ? "control off" : "control"} title={hint ? `${label} (${hint})` : label} onClick={onClick}>
      <Icon name={icon} />
      <span class="label" data-other={other}>
        {label}
      </span>
      {count > 0 && (
        <>
          <span class="count" aria-hidden="true">
            {number(count)}
          </span>
          <span class="unseen">{t("tab.unread", { count })}</span>
        </>
      )}
    </button>
  )
}

/** m and v, except where somebody writes or chooses. */
function useCallKeys(calls: Calls): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return
      if (event.target instanceof Element && event.target.closest("input, textarea, select, dialog, [contenteditable]"))
        return
      const key = event.key.toLowerCase()
      if (key === "m") void calls.setMuted(!calls.muted.peek())
      else if (key === "v") void calls.setCameraOff(!calls.cameraOff.peek())
      else return
      event.preventDefault()
    }
    window.addEventListener("keydown", press)
    return () => window.removeEventListener("keydown", press)
  }, [calls])
}
