import { useSignal } from "@preact/signals"
import { useState } from "preact/hooks"
import { shortWhen, timeOfDay } from "../../i18n/format"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Calls } from "../../lib/call/types"
import { type Session } from "../../lib/session/types"
import { Icon } from "../Icon"
import { missedCalls } from "./missed"

/** Who called while nobody answered, here or while the page was closed, until it is put away. */
export function MissedCalls({ session, calls }: { session: Session; calls: Calls }) {
  const [seenBefore] = useState(() => session.seenUpTo.peek())
  const putAway = useSignal<ReadonlySet<string>>(new Set())
  const all = missedCalls(calls.missed.value, session.timeline.value, seenBefore)
  const missed = all.filter(({ call }) => !putAway.value.has(call))
  if (missed.length === 0) return null
  const now = Date.now()
  return (
    <div class="notice" role="status">
      <Icon name="phone" />
      <ul>
        {missed.map(({ call, name, at }) => (
          <li key={call}>
            <Words k="call.missedFrom" name={name} time={when(at, now)} />
          </li>
        ))}
      </ul>
      <div class="row">
        <button
          type="button"
          class="button"
          onClick={() => {
            putAway.value = new Set(all.map(({ call }) => call))
            calls.forgetMissed()
          }}
        >
          {t("call.dismiss")}
        </button>
      </div>
    </div>
  )
}

function when(at: number, now: number): string {
  const day = shortWhen(at, now)
  return day === timeOfDay(at) ? day : `${day}, ${timeOfDay(at)}`
}
