import { Icon } from "../../components/Icon"
import { nameOfWaiting } from "../../components/telemedicine/waitingBell"
import { dayAndTime, names, shortWhen, timeOfDay } from "../../i18n/format"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Person, type Row } from "./rows"

interface Props {
  row: Row
  waitingSince: (session: string, person: Person) => number | undefined
  onAbout: () => void
}

/** One session: its label, who is in it, what is new, who waits. */
export function SessionRow({ row, waitingSince, onAbout }: Props) {
  const { id, title, people, others, unread, phase, lastActivityAt, starts, notes } = row
  const now = Date.now()
  const who = [...new Set(others.map(({ name }) => name))]
  return (
    <li class="session-row">
      <a class="session" href={`/telemedicine/${id}`}>
        <span class={title ? "session-title" : "session-title quiet"}>
          <bdi>{title || t("dashboard.untitled")}</bdi>
        </span>
        <time class="quiet small" dateTime={new Date(lastActivityAt).toISOString()}>
          {shortWhen(lastActivityAt, now)}
        </time>
        <span class="session-facts quiet small">
          {who.length > 0 ? <bdi>{names(who.slice(0, 4))}</bdi> : t("dashboard.people", { count: people })}
          {phase !== "joined" && ` · ${t(`dashboard.phase.${phase}`)}`}
        </span>
        <span class="session-news">
          {starts !== undefined && phase === "joined" && (
            <span class="badge">
              <Icon name="clock" />
              {dayAndTime(starts, now)}
            </span>
          )}
          {notes !== "" && <span class="badge">{t("notes.badge")}</span>}
          {unread > 0 && <span class="badge good">{t("dashboard.unread", { count: unread })}</span>}
        </span>
        <Presence row={row} waitingSince={waitingSince} />
      </a>
      <button
        type="button"
        class="button bare square"
        aria-label={t("dashboard.about", { title: title || t("dashboard.untitled") })}
        title={t("dashboard.about", { title: title || t("dashboard.untitled") })}
        onClick={onAbout}
      >
        <Icon name="menu" />
      </button>
    </li>
  )
}

function Presence({ row: { id, waiting, here }, waitingSince }: Pick<Props, "row" | "waitingSince">) {
  const since = Math.min(...waiting.map((person) => waitingSince(id, person) ?? Infinity))
  return (
    <>
      {waiting.length > 0 && (
        <span class="session-waiting">
          <span class="dot here" aria-hidden="true" />
          <span>
            <Words k="dashboard.waiting" names={names(waiting.map(({ name, knock }) => (knock ? nameOfWaiting(knock) : name)))} />
            {Number.isFinite(since) && <> · {t("dashboard.waitingSince", { time: timeOfDay(since) })}</>}
          </span>
        </span>
      )}
      {here.length > 0 && (
        <span class="session-here small">
          <span class="dot here" aria-hidden="true" />
          <span>
            <Words k="dashboard.here" names={names(here.map(({ name }) => name))} />
          </span>
        </span>
      )}
    </>
  )
}
