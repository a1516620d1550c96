import { useId } from "preact/hooks"
import { t } from "../../i18n/index"

interface Props {
  /** ms */
  starts: number | undefined
  onStarts: (starts: number | undefined) => void
}

/** A time on this device's clock, or none. */
export function StartsField({ starts, onStarts }: Props) {
  const id = useId()
  return (
    <div class="field">
      <label for={id}>{t("starts.field")}</label>
      <input
        id={id}
        class="input"
        type="datetime-local"
        max="9999-12-31T23:59"
        aria-describedby={`${id}-hint`}
        value={starts === undefined ? "" : local(starts)}
        onChange={(event) => onStarts(momentOf(event.currentTarget.value))}
      />
      <p id={`${id}-hint`} class="hint">
        {t("starts.hint")}
      </p>
    </div>
  )
}

/** 2026-12-01T14:30, on this device's clock. */
function local(at: number): string {
  const shifted = at - new Date(at).getTimezoneOffset() * 60_000
  return new Date(shifted).toISOString().slice(0, 16)
}

function momentOf(text: string): number | undefined {
  const at = text === "" ? NaN : new Date(text).getTime()
  return Number.isFinite(at) && at >= 0 ? at : undefined
}
