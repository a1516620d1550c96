import { useSignal } from "@preact/signals"
import { Dialog } from "../components/Dialog"
import { t } from "../i18n/index"
import { Words } from "../i18n/Words"
import { ownName } from "./preferences"

/** The name under which patients see the clinician, and a way to change it. */
export function SeenAs({ name }: { name: string }) {
  const changing = useSignal(false)
  return (
    <div class="seen-as quiet small">
      <span>
        <Words k="dashboard.seenAs" name={name} />
      </span>
      <button type="button" class="button bare" onClick={() => void (changing.value = true)}>
        {t("dashboard.rename")}
      </button>
      {changing.value && <Rename name={name} onClose={() => void (changing.value = false)} />}
    </div>
  )
}

function Rename({ name, onClose }: { name: string; onClose: () => void }) {
  const written = useSignal(name)
  return (
    <Dialog title={t("dashboard.rename")} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault()
          ownName.value = written.value.trim() || undefined
          onClose()
        }}
      >
        <div class="field">
          <label for="own-name">{t("join.name")}</label>
          <input
            id="own-name"
            class="input"
            autocomplete="name"
            maxLength={64}
            dir="auto"
            aria-describedby="own-name-hint"
            value={written.value}
            onInput={(event) => void (written.value = event.currentTarget.value)}
          />
          <p id="own-name-hint" class="hint">
            {t("dashboard.renameHint")}
          </p>
        </div>
        <button type="submit" class="button primary">
          {t("dashboard.renameSave")}
        </button>
      </form>
    </Dialog>
  )
}
