import { type ComponentChildren } from "preact"
import { useId } from "preact/hooks"
import { t } from "../i18n/index"
import { Icon } from "./Icon"
import { useModal } from "./modal"

interface Props {
  title: string
  onClose: () => void
  children: ComponentChildren
  /** Buttons; the primary one last. */
  foot?: ComponentChildren
}

/** A modal dialog with its title, and a way to close it. */
export function Dialog({ title, onClose, children, foot }: Props) {
  const ref = useModal()
  const heading = useId()
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
