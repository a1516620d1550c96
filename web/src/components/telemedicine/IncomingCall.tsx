import { useEffect } from "preact/hooks"
import { t } from "../../i18n/index"
import { Words } from "../../i18n/Words"
import { type Calls } from "../../lib/call/types"
import { Icon } from "../Icon"
import { initial } from "./callWords"
import { ring } from "./sounds"

/** Somebody rings. It takes no focus: who is writing must not answer by a key meant for a letter. */
export default function IncomingCall({ calls, onAnswer }: { calls: Calls; onAnswer: () => void }) {
  const state = calls.state.value
  const ringing = state.kind === "ringing-in"
  useEffect(() => (ringing ? ring() : undefined), [ringing])
  if (state.kind !== "ringing-in") return null
  return (
    <section class="incoming" role="alertdialog" aria-labelledby="incoming-title">
      <span class="initial" aria-hidden="true">
        {initial(state.from.name)}
      </span>
      <div role="alert">
        <h2 id="incoming-title">
          <Words k="call.incoming" name={state.from.name} />
        </h2>
      </div>
      <div class="row">
        <button type="button" class="button danger" onClick={() => calls.decline()}>
          <Icon name="hangUp" />
          {t("call.decline")}
        </button>
        <button type="button" class="button primary" onClick={onAnswer}>
          <Icon name="phone" />
          {t("call.answer")}
        </button>
      </div>
    </section>
  )
}
