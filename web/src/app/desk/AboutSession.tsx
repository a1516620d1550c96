import { Dialog } from "../../components/Dialog"
import { later } from "../../components/later"
import { Deletes } from "../../components/telemedicine/Deletes"
import { StartsField } from "../../components/telemedicine/StartsField"
import { dayAndTime, fullTime, names } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type PrivateNotes } from "../../lib/session/types"
import { type Row } from "./rows"

const Notes = later(() => import("../../components/telemedicine/Notes"))

interface Props {
  row: Row
  notes: PrivateNotes
  /** Whether the account made it, so that it can be deleted at the server. */
  made: boolean
  onNotes: () => void
  onStarts: (starts: number | undefined) => void
  onDeleteHere: () => void
  onDeleteServer: () => void
  onClose: () => void
}

/** Notes on a session, and ways to be rid of it, without opening it. */
export function AboutSession({ row, notes, made, onNotes, onStarts, onDeleteHere, onDeleteServer, onClose }: Props) {
  const { id, title, others, starts, expiresAt, lastActivityAt, role } = row
  const open = role === "host" && row.phase === "joined"
  return (
    <Dialog title={title || t("dashboard.untitled")} onClose={onClose}>
      <ul class="small quiet">
        {others.length > 0 && (
          <li>
            <bdi>{names([...new Set(others.map(({ name }) => name))])}</bdi>
          </li>
        )}
        {starts !== undefined && !open && <li>{fullTime(starts)}</li>}
        <li>{t("dashboard.lastActivity", { time: dayAndTime(lastActivityAt, Date.now()) })}</li>
        {expiresAt !== undefined && <li>{t("dashboard.expires", { date: dayAndTime(expiresAt, Date.now()) })}</li>}
      </ul>
      {open && <StartsField starts={starts} onStarts={onStarts} />}
      {role === "host" && <Notes id={id} notes={notes} onSaved={onNotes} />}
      <Deletes
        host={role === "host"}
        class="stack tight about-ends"
        onHere={onDeleteHere}
        onServer={made ? onDeleteServer : undefined}
      />
    </Dialog>
  )
}
