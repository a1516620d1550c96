/** How long until the time agreed, in words. */
import { dayAndTime, timeOfDay, until } from "../../i18n/format"
import { t } from "../../i18n/index"

const minute = 60_000
const soon = 12 * 60 * minute
/** So long after its time a visit counts as past. */
const past = 3 * 60 * minute

export function startWords(starts: number, now: number): string {
  const away = starts - now
  if (away > soon) return t("starts.on", { time: dayAndTime(starts, now) })
  if (away > minute / 2) return t("starts.in", { left: until(away / 1000), time: timeOfDay(starts) })
  if (away > -minute) return t("starts.now")
  if (away > -past) return t("starts.ago", { left: until(away / 1000), time: timeOfDay(starts) })
  return t("starts.was", { time: dayAndTime(starts, now) })
}
