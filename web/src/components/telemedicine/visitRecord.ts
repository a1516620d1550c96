/** The record of an open session's visit, as files to keep. */
import { bytes, dayInFull, fullTime, timeOfDay } from "../../i18n/format"
import { language, t } from "../../i18n/index"
import { type FileItem, type Session, type TimelineItem, type Transfer } from "../../lib/session/types"
import { download } from "./download"
import { eventWords } from "./EventLine"
import { recordHtml, recordJson, type RecordSource, type RecordWords } from "./record"

/** The sender of own unsent messages has no name yet. */
function named(session: Session): readonly TimelineItem[] {
  const own = session.self.value?.name ?? ""
  return session.timeline.value.map((item) =>
    item.sender?.self && item.sender.name === "" ? { ...item, sender: { ...item.sender, name: own } } : item,
  )
}

function sourceOf(session: Session, notes: string | undefined): RecordSource {
  const starts = session.starts.value
  return {
    id: session.id,
    title: session.title.value,
    madeAt: Date.now(),
    participants: session.participants.value,
    timeline: named(session),
    ...(starts === undefined ? {} : { starts }),
    ...(notes === undefined || notes === "" ? {} : { notes }),
  }
}

function words({ madeAt, starts }: RecordSource): RecordWords {
  return {
    language: language.value,
    direction: document.documentElement.dir || "ltr",
    heading: t("record.title"),
    made: t("record.made", { time: fullTime(madeAt) }),
    starts: starts === undefined ? "" : t("record.starts", { time: fullTime(starts) }),
    people: t("record.people"),
    messages: t("record.messages"),
    notes: t("notes.title"),
    day: dayInFull,
    clock: timeOfDay,
    role: (role) => t(`role.${role}`),
    event: eventWords,
    file: (name, size) => `${t("chat.file", { name })} (${bytes(size)})`,
    withdrawn: (was) => t(`chat.withdrawn.${was}`),
    answers: (name) => t("record.answers", { name }),
    edited: t("chat.edited"),
    unsent: (what) => t(`record.unsent.${what}`),
    somebody: t("somebody"),
  }
}

export const filesOf = (session: Session): readonly FileItem[] =>
  session.timeline.value.filter((item): item is FileItem => item.kind === "file" && item.seq !== undefined)

/** "careseal-visit-2026-03-09": the label of a visit is not written into the name of a file. */
function fileName(): string {
  const now = new Date()
  const day = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((n) => String(n).padStart(2, "0")).join("-")
  return `careseal-visit-${day}`
}

export function downloadToRead(session: Session, notes: string | undefined): void {
  const source = sourceOf(session, notes)
  download(recordHtml(source, words(source)), "text/html;charset=utf-8", `${fileName()}.html`)
}

export function downloadAsData(session: Session, notes: string | undefined): void {
  download(recordJson(sourceOf(session, notes)), "application/json", `${fileName()}.json`)
}

/** Both forms and all files, in one archive that is written as it comes. */
export function downloadWithFiles(session: Session, notes: string | undefined): Promise<Transfer> {
  const items = filesOf(session)
  const paths = new Map(items.map(({ key, file }, i) => [key, `files/${i + 1} ${file.name}`]))
  const source = { ...sourceOf(session, notes), files: paths }
  const made = source.madeAt
  return session.transfers.saveArchive(`${fileName()}.zip`, [
    { name: "record.html", at: made, content: new Blob([recordHtml(source, words(source))]) },
    { name: "record.json", at: made, content: new Blob([recordJson(source)]) },
    ...items.map(({ key, file, at }) => ({ name: paths.get(key) ?? file.name, at, file })),
  ])
}
