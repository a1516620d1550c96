import { useSignal } from "@preact/signals"
import { useLayoutEffect, useRef } from "preact/hooks"
import { t } from "../../i18n/index"
import { Icon, type IconName } from "../Icon"
import { openModal } from "../modal"
import { type Deeds, type LivingItem, openFor } from "./deeds"
import { moreEmoji, quickEmoji } from "./emoji"

interface Props {
  item: LivingItem
  anchor: Element
  only: "reactions" | undefined
  writable: boolean
  deeds: Deeds
  onClose: () => void
}

const gap = 4

/** What can be done with one message: beside it, or on a narrow page as a sheet. Arrow keys walk, Escape closes. */
export default function MessageMenu({ item, anchor, only, writable, deeds, onClose }: Props) {
  const ref = useRef<HTMLDialogElement>(null)
  const more = useSignal(only === "reactions")
  const open = openFor(item, writable)
  // The finger that opened it by resting still lies where the menu is now: what it lets go of was not chosen.
  const pressed = useRef(false)
  useLayoutEffect(() => (ref.current ? openModal(ref.current) : undefined), [])
  useLayoutEffect(() => {
    const dialog = ref.current
    if (!dialog) return
    place(dialog, anchor)
    dialog.querySelector<HTMLElement>("[role^=menuitem]")?.focus()
    const again = (): void => place(dialog, anchor)
    window.addEventListener("resize", again)
    return () => window.removeEventListener("resize", again)
  }, [more.value])

  const act = (run: () => void) => () => {
    // First of all: while it is open nothing behind it takes the focus.
    ref.current?.close()
    onClose()
    run()
  }
  const entry = (icon: IconName, label: string, run: () => void, danger = false) => (
    <button type="button" role="menuitem" tabIndex={-1} class={danger ? "menu-entry danger" : "menu-entry"} onClick={act(run)}>
      <Icon name={icon} />
      {label}
    </button>
  )
  const own = item.reactions?.find((reaction) => reaction.own)?.emoji

  return (
    <dialog
      ref={ref}
      class="message-menu"
      aria-label={only ? t("chat.react") : t("chat.actions")}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onPointerDownCapture={() => void (pressed.current = true)}
      onClickCapture={(event) => {
        if (event.detail > 0 && !pressed.current) event.stopPropagation()
      }}
      // Only the backdrop is the dialog itself: what is in it covers it.
      onClick={(event) => {
        if (event.target === ref.current) onClose()
      }}
      onKeyDown={walk}
    >
      <div role="menu" aria-label={only ? t("chat.react") : t("chat.actions")} class="menu">
        {open.react && (
          <div role="group" aria-label={t("chat.react")} class={more.value ? "emoji all" : "emoji"}>
            {(more.value ? moreEmoji : quickEmoji).map((emoji) => (
              <button
                key={emoji}
                type="button"
                role="menuitemradio"
                aria-checked={emoji === own}
                aria-label={t("chat.reactWith", { emoji })}
                tabIndex={-1}
                onClick={act(() => deeds.react(item, emoji === own ? "" : emoji))}
              >
                {emoji}
              </button>
            ))}
            {!more.value && (
              <button
                type="button"
                role="menuitem"
                aria-label={t("chat.reactMore")}
                title={t("chat.reactMore")}
                tabIndex={-1}
                onClick={() => void (more.value = true)}
              >
                <Icon name="add" />
              </button>
            )}
          </div>
        )}
        {!more.value && (
          <>
            {open.reply && entry("reply", t("chat.reply"), () => deeds.reply(item))}
            {open.copy && item.kind !== "file" && entry("copy", t("action.copy"), () => deeds.copy(item))}
            {open.edit && item.kind === "text" && entry("edit", t("chat.edit"), () => deeds.edit(item))}
            {open.withdraw && entry("withdraw", t("chat.withdraw"), () => deeds.withdraw(item), true)}
          </>
        )}
      </div>
    </dialog>
  )
}

function walk(event: KeyboardEvent): void {
  if (!(event.currentTarget instanceof Element)) return
  const entries = [...event.currentTarget.querySelectorAll<HTMLElement>("[role^=menuitem]")]
  const at = entries.findIndex((entry) => entry === document.activeElement)
  const back = document.documentElement.dir === "rtl" ? "ArrowRight" : "ArrowLeft"
  const on = back === "ArrowLeft" ? "ArrowRight" : "ArrowLeft"
  const next: Record<string, number> = {
    ArrowDown: at + 1,
    [on]: at + 1,
    ArrowUp: at - 1,
    [back]: at - 1,
    Home: 0,
    End: entries.length - 1,
  }
  const place = next[event.key]
  if (place === undefined) return
  event.preventDefault()
  entries[(place + entries.length) % entries.length]?.focus()
}

/** Under the anchor, or above it where there is no room; whole on the page. The sheet of a narrow page is CSS's to place. */
function place(dialog: HTMLElement, anchor: Element): void {
  const at = anchor.getBoundingClientRect()
  const own = dialog.getBoundingClientRect()
  const below = at.bottom + gap + own.height <= innerHeight
  const top = below ? at.bottom + gap : Math.max(gap, at.top - gap - own.height)
  const left = Math.min(Math.max(gap, at.left + at.width / 2 - own.width / 2), innerWidth - own.width - gap)
  dialog.style.setProperty("--menu-top", `${top}px`)
  dialog.style.setProperty("--menu-left", `${left}px`)
}
