import { length } from "../../i18n/format"
import { t } from "../../i18n/index"
import { type Calls } from "../../lib/call/types"
import { Icon } from "../Icon"
import { endWords } from "./callWords"

/** Why the last call is over and how long it was, until it is put away. */
export default function CallEnd({ calls }: { calls: Calls }) {
  const state = calls.state.value
  if (state.kind !== "ended") return null
  return (
    <div class="notice">
      <Icon name="hangUp" />
      <p>
        {endWords(state.reason)}
        {state.seconds > 0 && <span class="quiet"> {length(state.seconds)}</span>}
      </p>
      <div class="row">
        <button type="button" class="button" onClick={() => calls.dismiss()}>
          {t("call.dismiss")}
        </button>
      </div>
    </div>
  )
}
