import { useComputed } from "@preact/signals"
import { dayAndTime, length } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type PrivateNotes, type Session } from "../../lib/session/types"
import { attempt, notify } from "../notices"
import { Deletes } from "./Deletes"
import { RecordDownload } from "./RecordDownload"
import { spanOf } from "./span"
import "./end.css"

interface Props {
  session: Session
  notes: PrivateNotes | undefined
  /** Deletes the session at the server, for everybody. */
  onDeleteServer: () => Promise<void>
  onDeleted: () => void
}

/** The visit is over on this device: how long it was, its record, and ways to be rid of it. */
export default function EndPanel({ session, notes, onDeleteServer, onDeleted }: Props) {
  const kind = session.phase.value.kind
  const host = session.self.value?.role === "host"
  const gone = kind === "removed" || kind === "left"
  const span = useComputed(() => spanOf(session.timeline.value)).value
  const deleteAtServer = () =>
    void attempt(onDeleteServer, t("dashboard.deleteServer.failed")).then(
      (done) => done && notify(t("dashboard.deleteServer.done")),
    )
  return (
    <section class="end" aria-labelledby="end-title">
      <h2 id="end-title">{gone ? t(`session.${kind}.title`) : t("end.title")}</h2>
      <p>{gone ? t(`session.${kind}.text`) : t(host ? "end.textHost" : "end.textGuest")}</p>
      {kind === "ended" && span && <p>{spanWords(span)}</p>}
      <RecordDownload session={session} notes={host ? notes : undefined} withFiles={!gone} />
      <Deletes
        host={host}
        class="end-deletes"
        onHere={() =>
          void attempt(() => session.deleteFromDevice(), t("end.deleteFailed")).then((done) => done && onDeleted())
        }
        onServer={host && kind === "ended" ? deleteAtServer : undefined}
        also={t("end.deleteServer.here")}
      />
    </section>
  )
}

/** Longer than a day, a length says less than its two ends. */
const longest = 12 * 60 * 60_000

function spanWords({ from, to }: { from: number; to: number }): string {
  if (to - from <= longest) return t("end.length", { length: length((to - from) / 1000) })
  const now = Date.now()
  return t("end.fromTo", { from: dayAndTime(from, now), to: dayAndTime(to, now) })
}
