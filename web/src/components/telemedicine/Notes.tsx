import { useSignal } from "@preact/signals"
import { useEffect, useId, useRef } from "preact/hooks"
import { t } from "../../i18n/index"
import { type PrivateNotes } from "../../lib/session/types"
import "./notes.css"

interface Props {
  /** Session that the notes are about. */
  id: string
  notes: PrivateNotes
  onSaved?: () => void
}

/** A pause in writing after which notes are kept, ms. */
const pause = 400

/** What the clinician writes for itself; kept by itself while it is written. */
export default function Notes({ id, notes, onSaved }: Props) {
  const text = useSignal<string | undefined>(undefined)
  const state = useSignal<"" | "saving" | "saved" | "failed">("")
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  /** As last read or kept here: whether another tab wrote since is judged by it. */
  const before = useRef("")
  const field = useId()

  const keep = (): void => {
    clearTimeout(timer.current)
    timer.current = undefined
    const written = text.peek()
    if (written === undefined) return
    const known = before.current
    before.current = written
    notes.write(id, written, known).then(
      (kept) => {
        if (text.peek() === written) {
          text.value = kept
          before.current = kept
          state.value = "saved"
        }
        onSaved?.()
      },
      () => {
        if (before.current === written) before.current = known
        state.value = "failed"
      },
    )
  }
  useEffect(() => {
    const read = (): void => {
      // What is being written here is newer, and the other tab is about to hear of it.
      if (timer.current !== undefined) return
      notes.read(id).then(
        (kept) => {
          if (timer.current !== undefined) return
          text.value = kept
          before.current = kept
        },
        () => (state.value = "failed"),
      )
    }
    read()
    const unfollow = notes.follow(id, read)
    const keepNow = (): void => {
      if (timer.current !== undefined) keep()
    }
    window.addEventListener("pagehide", keepNow)
    return () => {
      window.removeEventListener("pagehide", keepNow)
      unfollow()
      keepNow()
    }
  }, [id])

  return (
    <div class="notes">
      <label class="notes-label" for={field}>
        {t("notes.title")}
      </label>
      <textarea
        id={field}
        class="input"
        rows={8}
        dir="auto"
        maxLength={20_000}
        disabled={text.value === undefined}
        aria-describedby={`${field}-hint`}
        value={text.value ?? ""}
        onInput={(event) => {
          text.value = event.currentTarget.value
          state.value = "saving"
          clearTimeout(timer.current)
          timer.current = setTimeout(keep, pause)
        }}
      />
      <p class={state.value === "failed" ? "small wrong" : "small quiet"} role="status">
        {state.value !== "" && t(`notes.${state.value}`)}
      </p>
      <p id={`${field}-hint`} class="small quiet">
        {t("notes.hint")}
      </p>
    </div>
  )
}
