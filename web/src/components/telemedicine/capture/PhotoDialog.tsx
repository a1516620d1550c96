import { useSignal } from "@preact/signals"
import { useEffect, useRef } from "preact/hooks"
import { t } from "../../../i18n/index"
import { type CallError } from "../../../lib/call/types"
import { Dialog } from "../../Dialog"
import { Icon } from "../../Icon"
import { notify } from "../../notices"
import { DeviceHelp } from "../DeviceHelp"
import { StreamPicture } from "../StreamPicture"
import { useBlobUrl } from "../preview/blobUrl"
import { closeDevice, openDevice } from "./device"
import { takePhoto } from "./photo"
import "./capture.css"

interface Props {
  /** Tells whether it goes out; what does not stays here. */
  onSend: (photo: File) => Promise<boolean>
  onClose: () => void
}

/** Takes a photo with the camera of this device. The camera is on only while its picture is shown. */
export default function PhotoDialog({ onSend, onClose }: Props) {
  const stream = useSignal<MediaStream | undefined>(undefined)
  const error = useSignal<CallError | undefined>(undefined)
  const photo = useSignal<File | undefined>(undefined)
  const sending = useSignal(false)
  const box = useRef<HTMLDivElement>(null)
  const gone = useRef(false)
  const url = useBlobUrl(photo.value)

  const open = async (): Promise<void> => {
    photo.value = undefined
    error.value = undefined
    const opened = await openDevice("camera")
    if ("error" in opened) error.value = opened.error
    else if (gone.current) closeDevice(opened.stream)
    else stream.value = opened.stream
  }
  const close = (): void => {
    closeDevice(stream.peek())
    stream.value = undefined
  }
  useEffect(() => {
    void open()
    return () => {
      gone.current = true
      close()
    }
  }, [])
  const take = async (): Promise<void> => {
    const video = box.current?.querySelector("video")
    if (!video || video.videoWidth === 0) return
    try {
      photo.value = await takePhoto(video, t("photo.name"))
      close()
    } catch {
      notify(t("photo.failed"))
    }
  }
  const leave = (): void => {
    close()
    onClose()
  }
  const send = async (made: File): Promise<void> => {
    sending.value = true
    if (await onSend(made)) leave()
    sending.value = false
  }
  const taken = photo.value
  return (
    <Dialog
      title={t("photo.take")}
      onClose={leave}
      foot={
        taken ? (
          <>
            <button type="button" class="button" onClick={() => void open()}>
              <Icon name="retry" />
              {t("photo.again")}
            </button>
            <button type="button" class="button primary" disabled={sending.value} onClick={() => void send(taken)}>
              <Icon name="send" />
              {t("chat.send")}
            </button>
          </>
        ) : (
          <button type="button" class="button primary" disabled={!stream.value} onClick={() => void take()}>
            <Icon name="picture" />
            {t("photo.shoot")}
          </button>
        )
      }
    >
      {error.value ? (
        <DeviceHelp error={error.value} onAgain={() => void open()} />
      ) : (
        <div ref={box} class="photo-box">
          {url && <img src={url} alt={t("photo.taken")} />}
          {!taken && stream.value && <StreamPicture stream={stream.value} label={t("photo.camera")} />}
          {!taken && !stream.value && <p role="status">{t("device.asking")}</p>}
        </div>
      )}
    </Dialog>
  )
}
