import { type Signal } from "@preact/signals"
import { type ComponentChildren } from "preact"
import { t } from "../../i18n/index"
import { Icon } from "../Icon"

interface Props {
  passcode: Signal<string>
  history: Signal<boolean>
  /** Each device must be admitted. */
  knock: Signal<boolean>
  /** Calls through the relay only; a matter of the whole session. */
  relayOnly?: Signal<boolean>
  children?: ComponentChildren
}

/** What most links do not need, folded away. */
export function InviteOptions({ passcode, history, knock, relayOnly, children }: Props) {
  return (
    <details>
      <summary>
        <Icon name="down" />
        {t("newSession.options")}
      </summary>
      <div class="stack">
        <label class="field">
          <span class="label">{t("newSession.passcode")}</span>
          <input
            class="input"
            autocomplete="off"
            spellcheck={false}
            value={passcode.value}
            onInput={(event) => void (passcode.value = event.currentTarget.value)}
          />
          <span class="hint">{t("newSession.passcodeHint")}</span>
        </label>
        <Check value={history} label={t("newSession.history")} />
        <Check value={knock} label={t("newSession.knock")} hint={t("newSession.knockHint")} />
        {relayOnly && <Check value={relayOnly} label={t("newSession.relayOnly")} hint={t("newSession.relayOnlyHint")} />}
        {children}
      </div>
    </details>
  )
}

function Check({ value, label, hint }: { value: Signal<boolean>; label: string; hint?: string }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={value.value}
        onChange={(event) => void (value.value = event.currentTarget.checked)}
      />
      <span>
        {label}
        {hint !== undefined && <span class="quiet small hint-line"> {hint}</span>}
      </span>
    </label>
  )
}
