import { useSignal } from "@preact/signals"
import { useRef } from "preact/hooks"
import { t } from "../../../i18n/index"
import { type Transfers } from "../../../lib/session/types"
import { Icon, type IconName } from "../../Icon"
import { later } from "../../later"
import { sendOrSay } from "../FileTransfer"
import { useMedia } from "../visibility"
import { canRecord } from "./recorder"

const PhotoDialog = later(() => import("./PhotoDialog"))
const VoiceDialog = later(() => import("./VoiceDialog"))

/** A photo and a spoken message, made here. Nothing asks for a device before its button is pressed. */
export function CaptureButtons({ transfers }: { transfers: Transfers }) {
  const open = useSignal<"photo" | "voice" | undefined>(undefined)
  const input = useRef<HTMLInputElement>(null)
  // A telephone's own camera program takes better pictures, and needs no permission for the page.
  const handheld = useMedia("(pointer: coarse)")
  const close = (): void => void (open.value = undefined)
  /** Tells whether it is kept here and goes out. */
  const send = (made: File, voice?: number): Promise<boolean> => sendOrSay(() => transfers.sendMade(made, voice))
  const button = (icon: IconName, label: string, press: () => void) => (
    <button type="button" class="button bare square capture" aria-label={label} title={label} onClick={press}>
      <Icon name={icon} />
    </button>
  )
  return (
    <>
      <input
        ref={input}
        type="file"
        accept="image/*"
        capture="environment"
        hidden
        aria-label={t("photo.take")}
        onChange={(event) => {
          for (const photo of event.currentTarget.files ?? []) void send(photo)
          event.currentTarget.value = ""
        }}
      />
      {button("photo", t("photo.take"), () => (handheld ? input.current?.click() : (open.value = "photo")))}
      {canRecord() && button("microphone", t("voice.record"), () => (open.value = "voice"))}
      {open.value === "photo" && <PhotoDialog onSend={send} onClose={close} />}
      {open.value === "voice" && <VoiceDialog onSend={send} onClose={close} />}
    </>
  )
}
