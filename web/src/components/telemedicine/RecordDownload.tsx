import { useSignal } from "@preact/signals"
import { bytes } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type PrivateNotes, type Session, type Transfer } from "../../lib/session/types"
import { Icon } from "../Icon"
import { saveFailed } from "./SaveButton"
import { downloadAsData, downloadToRead, downloadWithFiles, filesOf } from "./visitRecord"

interface Props {
  session: Session
  /** A clinician's, who may want them in the record. */
  notes: PrivateNotes | undefined
  /** Whether the server still gives this device the files. */
  withFiles: boolean
}

/** The record in three forms, made on this device. */
export function RecordDownload({ session, notes, withFiles }: Props) {
  const withNotes = useSignal(false)
  const archive = useSignal<Transfer | undefined>(undefined)
  const files = filesOf(session)
  const chosen = async (): Promise<string | undefined> => (withNotes.value ? notes?.read(session.id) : undefined)
  const make = (verb: (notes: string | undefined) => void): void => void chosen().then(verb).catch(saveFailed)
  const saveAll = async (): Promise<void> => {
    archive.value = await downloadWithFiles(session, await chosen())
  }
  return (
    <>
      <h3>{t("end.record")}</h3>
      <p class="quiet">{t("end.recordText")}</p>
      {notes && (
        <label class="check">
          <input
            type="checkbox"
            checked={withNotes.value}
            onChange={(event) => void (withNotes.value = event.currentTarget.checked)}
          />
          <span>{t("end.withNotes")}</span>
        </label>
      )}
      <div class="row">
        <button type="button" class="button primary" onClick={() => make((text) => downloadToRead(session, text))}>
          <Icon name="save" />
          {t("end.html")}
        </button>
        <button type="button" class="button" onClick={() => make((text) => downloadAsData(session, text))}>
          {t("end.json")}
        </button>
        {withFiles && files.length > 0 && (
          <button type="button" class="button" onClick={() => void saveAll().catch(saveFailed)}>
            {t("end.zip")}
          </button>
        )}
      </div>
      {archive.value && <ArchiveProgress archive={archive.value} />}
    </>
  )
}

function ArchiveProgress({ archive }: { archive: Transfer }) {
  const state = archive.state.value
  const left = archive.leftOut.value
  const values = { done: bytes(archive.done.value), size: bytes(archive.size) }
  return (
    <div class="archive-progress" role="group" aria-label={archive.name}>
      <progress max={Math.max(1, archive.size)} value={archive.done.value} aria-label={t("end.zip")} />
      <div class="row">
        <p class="small" role="status">
          {state === "done"
            ? t("end.zipDone")
            : state === "failed"
              ? t("file.saveFailed")
              : state === "cancelled"
                ? t("end.zipCancelled")
                : t("end.zipProgress", values)}
          {left.length > 0 && ` ${t("file.leftOut", { names: left.join(", ") })}`}
        </p>
        {state === "failed" && (
          <button type="button" class="button bare" onClick={() => archive.retry()}>
            {t("action.tryAgain")}
          </button>
        )}
        {state !== "done" && state !== "cancelled" && (
          <button type="button" class="button bare" onClick={() => archive.cancel()}>
            {t("action.cancel")}
          </button>
        )}
      </div>
    </div>
  )
}
