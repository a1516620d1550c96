import { t } from "../../i18n/index"
import { safeName } from "../../lib/session/fileName"
import { type Session } from "../../lib/session/types"
import { Dialog } from "../Dialog"
import { Icon } from "../Icon"
import { doubtful, sendOrSay } from "./FileTransfer"

/** Asks once more about files that the person may not mean to send. */
export default function SendQuestion({ session }: { session: Session }) {
  const files = doubtful(session)
  const close = (): void => void (files.value = [])
  return (
    <Dialog
      title={t("file.sure.title")}
      onClose={close}
      foot={
        <>
          <button type="button" class="button" onClick={close}>
            {t("file.sure.no")}
          </button>
          <button
            type="button"
            class="button primary"
            onClick={() => {
              const meant = files.value.map(({ file }) => file)
              close()
              void sendOrSay(() => session.transfers.upload(meant))
            }}
          >
            <Icon name="send" />
            {t("file.sure.yes")}
          </button>
        </>
      }
    >
      <ul class="doubts">
        {files.value.map(({ file, doubt }, i) => (
          <li key={i}>
            <p class="file-name">
              <bdi>{safeName(file.name)}</bdi>
            </p>
            <p class="small">{t(`file.sure.${doubt}`)}</p>
          </li>
        ))}
      </ul>
    </Dialog>
  )
}
