import { useEffect } from "preact/hooks"
import { t } from "../i18n/index"
import { type FailureReason } from "../lib/session/types"
import { Page } from "./Page"
import { PasteLink } from "./PasteLink"

const mayPass: ReadonlySet<FailureReason> = new Set(["server-unreachable", "internal", "storage-unavailable"])
const otherLink: ReadonlySet<FailureReason> = new Set(["link-malformed", "link-refused", "link-used-up", "ended", "expired"])

/** Why a visit cannot be opened, and the way out. */
export function FailurePage({ reason, onAgain }: { reason: FailureReason; onAgain: () => void }) {
  const offline = reason === "server-unreachable" && !navigator.onLine
  useEffect(() => {
    if (!mayPass.has(reason)) return
    window.addEventListener("online", onAgain)
    return () => window.removeEventListener("online", onAgain)
  }, [reason])
  const said = offline ? "device-offline" : reason
  return (
    <Page title={t(`failure.${said}.title`)}>
      <p role="alert" data-failure={said}>
        {t(`failure.${said}.text`)}
      </p>
      {mayPass.has(reason) && (
        <button type="button" class="button primary" onClick={onAgain}>
          {t("action.tryAgain")}
        </button>
      )}
      {otherLink.has(reason) && <PasteLink onSame={onAgain} />}
    </Page>
  )
}
