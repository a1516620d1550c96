import { t } from "../../i18n/index"
import { type FileRef, type Session } from "../../lib/session/types"
import { Icon } from "../Icon"
import { notify, sentence } from "../notices"

/** Saves one file to this device. */
export function SaveButton({ file, session, class: look = "button" }: { file: FileRef; session: Session; class?: string }) {
  return (
    <button
      type="button"
      class={look}
      aria-label={t("file.saveName", { name: file.name })}
      onClick={() => void session.transfers.save(file).catch(saveFailed)}
    >
      <Icon name="save" />
      <span class="label">{t("file.save")}</span>
    </button>
  )
}

/** Says so, unless the person closed the browser's own "save as". */
export function saveFailed(error: unknown): void {
  if (error instanceof DOMException && error.name === "AbortError") return
  notify(`${t("file.saveFailed")} ${sentence(error)}`)
}
