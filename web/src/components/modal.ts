/** Modal dialogs of the browser, and what must stay within reach while one is open: all that is outside of it is inert. */
import { signal } from "@preact/signals"
import { type ComponentChildren, render } from "preact"
import { useLayoutEffect, useRef, useState } from "preact/hooks"

/** The topmost last. */
const open = signal<readonly HTMLDialogElement[]>([])

/** Shows a dialog above all others; returns what closes it. */
export function openModal(dialog: HTMLDialogElement): () => void {
  dialog.showModal()
  open.value = [...open.peek(), dialog]
  return () => {
    open.value = open.peek().filter((other) => other !== dialog)
    dialog.close()
  }
}

/** Holds the focus for as long as it is on the page, and gives it back to where it came from. */
export function useModal() {
  const ref = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const before = document.activeElement
    const close = ref.current ? openModal(ref.current) : undefined
    return () => {
      close?.()
      // It has left the page by now, and so the browser does not do it.
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  return ref
}

/** What is in it stands in the topmost dialog, to be seen, heard and reached there too. It moves as it is: a ring goes on. */
export function WithinReach({ children }: { children: ComponentChildren }) {
  const [box] = useState(() => Object.assign(document.createElement("div"), { className: "within-reach" }))
  const place = open.value.at(-1) ?? document.body
  useLayoutEffect(() => place.append(box), [place])
  useLayoutEffect(() => render(children, box))
  useLayoutEffect(
    () => () => {
      render(null, box)
      box.remove()
    },
    [],
  )
  return null
}
