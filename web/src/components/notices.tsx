/** Short notices at the foot of the page, and words for screen readers only. Nothing fails silently. */
import { signal } from "@preact/signals"
import { t } from "../i18n/index"
import { SessionFailure } from "../lib/session/types"

interface Toast {
  id: number
  text: string
}

const toasts = signal<readonly Toast[]>([])
/** Sentences for screen readers, each for as long as it takes to be noticed: several at once are all said. */
const spoken = signal<readonly Toast[]>([])
let last = 0

const stays = 8000
const spokenStays = 4000

/** Shows a sentence for some seconds; it can be closed earlier. */
export function notify(text: string): void {
  const toast = { id: ++last, text }
  toasts.value = [...toasts.value.filter((other) => other.text !== text), toast].slice(-3)
  setTimeout(() => dismiss(toast.id), stays)
}

const dismiss = (id: number): void => {
  toasts.value = toasts.value.filter((toast) => toast.id !== id)
}

type Notifying = Document & { ariaNotify?: (text: string) => void }

/** Said by screen readers, not shown. */
export function announce(text: string): void {
  const page: Notifying = document
  if (page.ariaNotify) {
    page.ariaNotify(text)
    return
  }
  const said = { id: ++last, text }
  spoken.value = [...spoken.value, said]
  setTimeout(() => (spoken.value = spoken.value.filter((other) => other !== said)), spokenStays)
}

/** What a rejection means, in a sentence. */
export function sentence(error: unknown): string {
  const reason = error instanceof SessionFailure ? error.reason : "internal"
  if (
    reason === "stopped" ||
    reason === "too-large" ||
    reason === "rate-limited" ||
    reason === "not-allowed" ||
    reason === "offline"
  )
    return t(`failure.${reason}`)
  return t(`failure.${reason}.text`)
}

/** Runs a verb; shows a sentence if it is rejected. Tells whether it went well. */
export async function attempt(verb: () => Promise<unknown>, failed?: string): Promise<boolean> {
  try {
    await verb()
    return true
  } catch (error) {
    notify(failed ? `${failed} ${sentence(error)}` : sentence(error))
    return false
  }
}

/** Pages without https, and those inside other apps, have the old way only. */
async function toClipboard(text: string): Promise<void> {
  const { clipboard } = navigator as { clipboard?: Clipboard }
  try {
    if (clipboard) {
      await clipboard.writeText(text)
      return
    }
  } catch {
    // Forbidden here; the old way asks nobody.
  }
  const field = document.createElement("textarea")
  field.value = text
  field.readOnly = true
  field.className = "unseen"
  document.body.append(field)
  field.select()
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other where there is no clipboard
  const done = document.execCommand("copy")
  field.remove()
  if (!done) throw new Error("not copied")
}

/** Copies, and says so. */
export async function copy(text: string): Promise<boolean> {
  try {
    await toClipboard(text)
    announce(t("action.copied"))
    return true
  } catch {
    notify(t("action.copyFailed"))
    return false
  }
}

export function Notices() {
  return (
    <>
      <div class="unseen" aria-live="polite">
        {spoken.value.map(({ id, text }) => (
          <p key={id}>{text}</p>
        ))}
      </div>
      <div class="toasts" role="status">
        {toasts.value.map((toast) => (
          <div class="toast" key={toast.id}>
            <span>{toast.text}</span>
            <button type="button" class="button bare" onClick={() => dismiss(toast.id)}>
              {t("action.close")}
            </button>
          </div>
        ))}
      </div>
    </>
  )
}
