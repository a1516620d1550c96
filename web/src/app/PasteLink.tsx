import { useSignal } from "@preact/signals"
import { t } from "../i18n/index"
import { linkIn } from "./link"

/** A way out of a link that does not open: the whole message, or another link, pasted by hand. */
export function PasteLink({ onSame }: { onSame: () => void }) {
  const text = useSignal("")
  const wrong = useSignal(false)
  const open = (): void => {
    const link = linkIn(text.value, location.origin)
    wrong.value = link === undefined
    if (link === undefined) return
    if (link === location.pathname + location.hash) onSame()
    else location.assign(link)
  }
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        open()
      }}
    >
      <div class="field">
        <label for="pasted">{t("join.paste")}</label>
        <input
          id="pasted"
          class="input"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          dir="ltr"
          aria-invalid={wrong.value}
          aria-describedby={wrong.value ? "pasted-wrong" : undefined}
          value={text.value}
          onInput={(event) => {
            text.value = event.currentTarget.value
            wrong.value = false
          }}
        />
        {wrong.value && (
          <p id="pasted-wrong" class="wrong" role="alert">
            {t("join.paste.wrong")}
          </p>
        )}
      </div>
      <button type="submit" class="button primary">
        {t("join.paste.open")}
      </button>
    </form>
  )
}
