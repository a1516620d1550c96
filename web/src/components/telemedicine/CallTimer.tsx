import { clock } from "../../i18n/format"
import { t } from "../../i18n/index"
import { useNow } from "./visibility"

/** How long the call has lasted. */
export default function CallTimer({ startedAt }: { startedAt: number }) {
  const now = useNow(1000)
  return (
    <span class="timer" role="timer" aria-label={t("session.timer")}>
      {clock((now - startedAt) / 1000)}
    </span>
  )
}
