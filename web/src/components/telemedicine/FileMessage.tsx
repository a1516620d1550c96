import { useSignal } from "@preact/signals"
import { useEffect, useMemo, useState } from "preact/hooks"
import { bytes } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type FileRef, type Session } from "../../lib/session/types"
import { Dialog } from "../Dialog"
import { Icon } from "../Icon"
import { notify, sentence } from "../notices"
import { asPicture, mayBePicture, pictureType } from "./picture"

/** A file in the timeline: its name and size, a picture of it where there is one, and a way to save it. */
export function FileMessage({ file, session }: { file: FileRef; session: Session }) {
  const showing = useSignal(false)
  const thumb = useBlobUrl(useThumb(file.thumb))
  const picture = mayBePicture(file.mime, file.size)
  return (
    <div class="file-message">
      {picture ? (
        <button
          type="button"
          class={thumb ? "thumb" : "thumb none"}
          aria-label={t("file.show", { name: file.name })}
          onClick={() => void (showing.value = true)}
        >
          {thumb ? <img src={thumb} alt="" /> : <Icon name="file" />}
        </button>
      ) : (
        <Icon name="file" />
      )}
      <p class="file-name">
        <bdi>{file.name}</bdi> <span class="quiet small">{bytes(file.size)}</span>
      </p>
      <SaveButton file={file} session={session} />
      {showing.value && <Preview file={file} session={session} onClose={() => void (showing.value = false)} />}
    </div>
  )
}

function SaveButton({ file, session }: { file: FileRef; session: Session }) {
  return (
    <button
      type="button"
      class="button"
      aria-label={t("file.saveName", { name: file.name })}
      onClick={() => {
        session.transfers.save(file).catch((error: unknown) => {
          // Closing the browser's own "save as" is not a failure.
          if (error instanceof DOMException && error.name === "AbortError") return
          notify(`${t("file.saveFailed")} ${sentence(error)}`)
        })
      }}
    >
      <Icon name="save" />
      {t("file.save")}
    </button>
  )
}

/** The whole picture, opened in memory and shown in the page. */
function Preview({ file, session, onClose }: { file: FileRef; session: Session; onClose: () => void }) {
  const [picture, setPicture] = useState<Blob>()
  const [failed, setFailed] = useState(false)
  const url = useBlobUrl(picture)
  useEffect(() => {
    let shown = true
    session.transfers
      .preview(file)
      .then(asPicture)
      .then(
        (blob) => {
          if (!shown) return
          if (blob) setPicture(blob)
          else setFailed(true)
        },
        () => shown && setFailed(true),
      )
    return () => void (shown = false)
  }, [file])
  return (
    <Dialog title={file.name} onClose={onClose} foot={<SaveButton file={file} session={session} />}>
      {failed ? (
        <p role="alert">{t("file.previewFailed")}</p>
      ) : url ? (
        <img class="preview" src={url} alt={file.name} onError={() => setFailed(true)} />
      ) : (
        <p class="quiet" role="status">
          {t("file.showing")}
        </p>
      )}
    </Dialog>
  )
}

function useThumb(bytes: Uint8Array | undefined): Blob | undefined {
  return useMemo(() => {
    const type = bytes && pictureType(bytes)
    return type ? new Blob([new Uint8Array(bytes)], { type }) : undefined
  }, [bytes])
}

/** An address for a blob for as long as it is shown. */
function useBlobUrl(blob: Blob | undefined): string | undefined {
  const [url, setUrl] = useState<string>()
  useEffect(() => {
    if (!blob) return
    const made = URL.createObjectURL(blob)
    setUrl(made)
    return () => {
      setUrl(undefined)
      URL.revokeObjectURL(made)
    }
  }, [blob])
  return url
}
