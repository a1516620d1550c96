import { useSignal } from "@preact/signals"
import { shortMinutes } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type Session } from "../../lib/session/types"
import { Icon } from "../Icon"
import { announce, attempt } from "../notices"
import "./waiting.css"

const choices = [5, 10, 15, 30] as const

/** One click tells all who wait how late it will be. */
export function RunningLate({ session }: { session: Session }) {
  const open = useSignal(false)
  const say = async (minutes: number): Promise<void> => {
    if (!(await attempt(() => session.runLate(minutes), t("waiting.runLate.failed")))) return
    open.value = false
    announce(t("waiting.runLate.told"))
  }
  return (
    <div class="running-late">
      <button
        type="button"
        class="button bare"
        aria-expanded={open.value}
        onClick={() => void (open.value = !open.value)}
      >
        <Icon name="clock" />
        {t("waiting.runLate")}
      </button>
      {open.value && (
        <div class="row" role="group" aria-label={t("waiting.runLate.by")}>
          <span class="small">{t("waiting.runLate.by")}</span>
          {choices.map((minutes) => (
            <button key={minutes} type="button" class="button" onClick={() => void say(minutes)}>
              {shortMinutes(minutes)}
            </button>
          ))}
        </div>
      )}
    </div>
  )
}
