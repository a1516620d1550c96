import { useSignal } from "@preact/signals"
import { bytes, fullTime, length } from "../../i18n/format"
import { language, t } from "../../i18n/index"
import { type Session } from "../../lib/session/types"
import { Confirm } from "../Dialog"
import { Icon } from "../Icon"
import { attempt } from "../notices"
import { eventWords } from "./EventLine"
import { recordHtml, recordJson, type RecordSource, type RecordWords } from "./record"
import "./end.css"

/** The visit is over on this device: how long it was, its record, and a way to be rid of it. */
export default function EndPanel({ session, onDeleted }: { session: Session; onDeleted: () => void }) {
  const deleting = useSignal(false)
  const kind = session.phase.value.kind
  const seconds = lengthOf(session)
  return (
    <section class="end" aria-labelledby="end-title">
      <h2 id="end-title">{kind === "removed" || kind === "left" ? t(`session.${kind}.title`) : t("end.title")}</h2>
      {(kind === "removed" || kind === "left") && <p>{t(`session.${kind}.text`)}</p>}
      {kind === "ended" && seconds > 0 && <p>{t("end.length", { length: length(seconds) })}</p>}
      <h3>{t("end.record")}</h3>
      <p class="quiet">{t("end.recordText")}</p>
      <div class="row">
        <button type="button" class="button primary" onClick={() => downloadHtml(session)}>
          <Icon name="save" />
          {t("end.html")}
        </button>
        <button type="button" class="button" onClick={() => downloadJson(session)}>
          {t("end.json")}
        </button>
      </div>
      <button type="button" class="button bare warn" onClick={() => void (deleting.value = true)}>
        <Icon name="trash" />
        {t("end.delete")}
      </button>
      {deleting.value && (
        <Confirm
          title={t("end.delete.title")}
          text={t("end.delete.text")}
          confirm={t("end.delete")}
          onConfirm={() => void attempt(() => session.deleteFromDevice()).then((done) => done && onDeleted())}
          onClose={() => void (deleting.value = false)}
        />
      )}
    </section>
  )
}

/** From the first to the last thing in the timeline, seconds. */
function lengthOf(session: Session): number {
  const timeline = session.timeline.value
  return ((timeline.at(-1)?.at ?? 0) - (timeline[0]?.at ?? 0)) / 1000
}

const sourceOf = (session: Session): RecordSource => ({
  title: session.title.value,
  madeAt: Date.now(),
  participants: session.participants.value,
  timeline: session.timeline.value,
})

function words(): RecordWords {
  return {
    language: language.value,
    direction: document.documentElement.dir || "ltr",
    heading: t("record.title"),
    made: t("record.made", { time: fullTime(Date.now()) }),
    people: t("record.people"),
    messages: t("record.messages"),
    time: fullTime,
    role: (role) => t(`role.${role}`),
    event: eventWords,
    file: (name, size) => `${t("chat.file", { name })} (${bytes(size)})`,
    somebody: t("somebody"),
  }
}

const downloadHtml = (session: Session): void =>
  download(recordHtml(sourceOf(session), words()), "text/html;charset=utf-8", "html")
const downloadJson = (session: Session): void =>
  download(recordJson(sourceOf(session)), "application/json", "json")

function download(content: string, type: string, ending: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement("a")
  link.href = url
  link.download = `careseal-${new Date().toISOString().slice(0, 10)}.${ending}`
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
