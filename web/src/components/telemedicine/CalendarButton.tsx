import { useSignal } from "@preact/signals"
import { t } from "../../i18n/index"
import { Icon } from "../Icon"
import { download } from "./download"
import { calendarFile } from "./calendar"

interface Props {
  /** Session's id: an entry made again takes the place of the one before. */
  id: string
  starts: number
  title: string
  /** Who has it can join; it goes into the entry only when asked for. */
  link: string
}

const usualLength = 30

/** Saves a calendar file; the way into the visit is in it only if the person wants that. */
export default function CalendarButton({ id, starts, title, link }: Props) {
  const withLink = useSignal(false)
  const save = (): void =>
    download(
      calendarFile({
        uid: `${id}@careseal`,
        starts,
        minutes: usualLength,
        title,
        text: t("calendar.text"),
        now: Date.now(),
        ...(withLink.value ? { link } : {}),
      }),
      "text/calendar;charset=utf-8",
      `${t("calendar.file")}.ics`,
    )
  return (
    <details class="calendar">
      <summary>
        <Icon name="down" />
        {t("calendar.title")}
      </summary>
      <div class="stack tight">
        <label class="check">
          <input
            type="checkbox"
            checked={withLink.value}
            onChange={(event) => void (withLink.value = event.currentTarget.checked)}
          />
          <span>
            {t("calendar.withLink")}
            <span class="quiet small hint-line"> {t("calendar.risk")}</span>
          </span>
        </label>
        <div class="row">
          <button type="button" class="button" onClick={save}>
            <Icon name="save" />
            {t("calendar.save")}
          </button>
        </div>
      </div>
    </details>
  )
}
