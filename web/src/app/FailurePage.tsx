import { t } from "../i18n/index"
import { type FailureReason } from "../lib/session/types"
import { Page } from "./Page"

const mayPass: ReadonlySet<FailureReason> = new Set(["server-unreachable", "internal", "storage-unavailable"])

/** Why a visit cannot be opened, and the way out. */
export function FailurePage({ reason, onAgain }: { reason: FailureReason; onAgain: () => void }) {
  return (
    <Page title={t(`failure.${reason}.title`)}>
      <p role="alert" data-failure={reason}>
        {t(`failure.${reason}.text`)}
      </p>
      {mayPass.has(reason) && (
        <button type="button" class="button primary" onClick={onAgain}>
          {t("action.tryAgain")}
        </button>
      )}
    </Page>
  )
}
