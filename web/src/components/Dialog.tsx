import { type ComponentChildren } from "preact"
import { useEffect, useId, useRef } from "preact/hooks"
import { t } from "../i18n/index"
import { Icon } from "./Icon"

interface Props {
  title: string
  onClose: () => void
  children: ComponentChildren
  /** Buttons; the primary one last. */
  foot?: ComponentChildren
}

/** A modal dialog of the browser: it holds the focus, and gives it back to where it came from. */
export function Dialog({ title, onClose, children, foot }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  const heading = useId()
  useEffect(() => {
    const dialog = ref.current
    const before = document.activeElement
    dialog?.showModal()
    return () => {
      dialog?.close()
      // It has left the page by now, and so the browser does not do it.
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return (
    <dialog
      ref={ref}
      class="dialog"
      aria-labelledby={heading}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <div class="inside">
        <div class="head">
          <h2 id={heading} tabIndex={-1} autofocus>
            {title}
          </h2>
          <button type="button" class="button bare square" aria-label={t("action.close")} onClick={onClose}>
            <Icon name="close" />
          </button>
        </div>
        {children}
        {foot && <div class="foot">{foot}</div>}
      </div>
    </dialog>
  )
}

interface ConfirmProps {
  title: string
  text: ComponentChildren
  confirm: string
  danger?: boolean
  onConfirm: () => void
  onClose: () => void
}

/** Asks once more before something that cannot be taken back. */
export function Confirm({ title, text, confirm, danger = true, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog
      title={title}
      onClose={onClose}
      foot={
        <>
          <button type="button" class="button" onClick={onClose}>
            {t("action.cancel")}
          </button>
          <button
            type="button"
            class={danger ? "button danger" : "button primary"}
            onClick={() => {
              onClose()
              onConfirm()
            }}
          >
            {confirm}
          </button>
        </>
      }
    >
      <p>{text}</p>
    </Dialog>
  )
}
