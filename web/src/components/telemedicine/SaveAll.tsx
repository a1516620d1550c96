import { t } from "../../i18n/index"
import { type FileItem, type Session } from "../../lib/session/types"
import { Icon } from "../Icon"
import { notify } from "../notices"
import { saveFailed } from "./SaveButton"

/** All files of the visit at once, from the second one on. */
export default function SaveAll({ session }: { session: Session }) {
  const files = session.timeline.value.filter((item): item is FileItem => item.kind === "file" && item.seq !== undefined)
  if (files.length < 2) return null
  return (
    <div class="all-files">
      <p class="small quiet">{t("file.count", { count: files.length })}</p>
      <button type="button" class="button bare" onClick={() => void saveAll(session, files)}>
        <Icon name="save" />
        {t("file.saveAll")}
      </button>
    </div>
  )
}

async function saveAll(session: Session, files: readonly FileItem[]): Promise<void> {
  const entries = files.map(({ file, at }) => ({ name: file.name, at, file }))
  try {
    const archive = await session.transfers.saveArchive(archiveName(new Date()), entries)
    const deaf = archive.state.subscribe((state) => {
      const names = archive.leftOut.peek()
      if (state === "done" && names.length > 0) notify(t("file.leftOut", { names: names.join(", ") }))
      if (state === "done" || state === "cancelled") queueMicrotask(() => deaf())
    })
  } catch (error) {
    saveFailed(error)
  }
}

/** "careseal-files-2026-03-09.zip": the label of a visit is not written into the name of a file. */
const archiveName = (now: Date): string =>
  `careseal-files-${[now.getFullYear(), now.getMonth() + 1, now.getDate()].map((n) => String(n).padStart(2, "0")).join("-")}.zip`
