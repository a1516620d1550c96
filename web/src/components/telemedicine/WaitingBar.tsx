import { useId } from "preact/hooks"
import { shortWhen } from "../../i18n/format"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Session, type Waiting } from "../../lib/session/types"
import { attempt } from "../notices"
import { RunningLate } from "./RunningLate"
import { useNow } from "./visibility"
import { askToNotify, mayAskToNotify, nameOfWaiting, sentenceOf } from "./waitingBell"
import "./waiting.css"

/** Who waits and since when; one click admits. Seen by hosts, in a call as well. */
export default function WaitingBar({ session, calling }: { session: Session; calling: boolean }) {
  const waiting = session.waiting.value
  if (waiting.length === 0) return null
  const admit = (...keys: string[]): void => void attempt(() => session.admit(keys), t("waiting.admitFailed"))
  return (
    <section class="waiting-bar" aria-label={t("waiting.people")}>
      <ul>
        {waiting.map((each) => (
          <Waiter
            key={each.key}
            waiting={each}
            onAdmit={() => admit(each.key)}
            onRefuse={() => void attempt(() => session.refuse(each.key), t("waiting.refuseFailed"))}
          />
        ))}
      </ul>
      <div class="row waiting-more">
        {waiting.length > 1 && (
          <button type="button" class="button" onClick={() => admit(...waiting.map(({ key }) => key))}>
            {t("waiting.admitAll")}
          </button>
        )}
        {mayAskToNotify.value && (
          <button type="button" class="button bare" onClick={() => void askToNotify()}>
            {t("waiting.notify")}
          </button>
        )}
        {calling && <RunningLate session={session} />}
      </div>
    </section>
  )
}

interface WaiterProps {
  waiting: Waiting
  onAdmit: () => void
  onRefuse: () => void
}

function Waiter({ waiting, onAdmit, onRefuse }: WaiterProps) {
  const id = useId()
  const now = useNow(30_000)
  const { label, since, here, name } = waiting
  return (
    <li>
      <p id={id}>
        <strong>
          <Words k={sentenceOf(waiting)} name={nameOfWaiting(waiting)} />
        </strong>{" "}
        <span class="small">
          {label && label !== name && (
            <>
              <bdi>{label}</bdi> ·{" "}
            </>
          )}
          <Words k="waiting.sinceTime" time={shortWhen(since, now)} />
          {!here && <> · {t("waiting.pageClosed")}</>}
        </span>
      </p>
      <div class="row">
        {waiting.asks && (
          <button type="button" class="button bare warn" aria-describedby={id} onClick={onRefuse}>
            {t("waiting.refuse")}
          </button>
        )}
        <button type="button" class="button primary" aria-describedby={id} onClick={onAdmit}>
          {t("waiting.admit")}
        </button>
      </div>
    </li>
  )
}
