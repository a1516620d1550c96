import { Icon } from "../../components/Icon"
import { dayAndTime } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type AccountSession } from "../account"

/** A session that this device knows by its times only. */
export function ElsewhereRow({ session, onDelete }: { session: AccountSession; onDelete: () => void }) {
  const now = Date.now()
  const told = { made: dayAndTime(session.createdAt, now), used: dayAndTime(session.lastActivityAt, now) }
  return (
    <li class="session-row">
      <p class="session">{t("dashboard.elsewhereRow", told)}</p>
      <button
        type="button"
        class="button bare square warn"
        aria-label={`${t("dashboard.deleteServer")}: ${told.made}`}
        title={t("dashboard.deleteServer")}
        onClick={onDelete}
      >
        <Icon name="trash" />
      </button>
    </li>
  )
}
