import { useEffect, useState } from "preact/hooks"
import { t } from "../i18n/index"
import { Icon } from "./Icon"
import { copy } from "./notices"

const shown = 2500

/** Copies a text; a tick says that it did. */
export function CopyButton({ text, label, primary = false }: { text: string; label: string; primary?: boolean }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), shown)
    return () => clearTimeout(timer)
  }, [done])
  return (
    <button
      type="button"
      class={primary ? "button primary" : "button"}
      onClick={() => void copy(text).then(setDone)}
    >
      <Icon name={done ? "tick" : "copy"} />
      {done ? t("action.copied") : label}
    </button>
  )
}
