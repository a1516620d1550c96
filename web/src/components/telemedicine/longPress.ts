/** A finger that rests on something, where nothing can hover. */
import { useRef } from "preact/hooks"

/** ms, and pixels that a resting finger may tremble. */
const rests = 500
const trembles = 10

interface LongPress {
  onPointerDown: (event: PointerEvent) => void
  onPointerMove: (event: PointerEvent) => void
  onPointerUp: () => void
  onPointerCancel: () => void
  onContextMenu: (event: Event) => void
  onClickCapture: (event: Event) => void
}

export function useLongPress(run: () => void): LongPress {
  const press = useRef<{ timer: ReturnType<typeof setTimeout>; x: number; y: number } | undefined>(undefined)
  const byTouch = useRef(false)
  const ran = useRef(false)
  const end = (): void => {
    clearTimeout(press.current?.timer)
    press.current = undefined
  }
  return {
    onPointerDown: (event) => {
      end()
      ran.current = false
      byTouch.current = event.pointerType === "touch"
      if (!byTouch.current || !event.isPrimary) return
      const timer = setTimeout(() => {
        press.current = undefined
        ran.current = true
        run()
      }, rests)
      press.current = { timer, x: event.clientX, y: event.clientY }
    },
    onPointerMove: (event) => {
      const { current } = press
      if (current && Math.hypot(event.clientX - current.x, event.clientY - current.y) > trembles) end()
    },
    onPointerUp: end,
    onPointerCancel: end,
    // The browser's own menu is for the mouse.
    onContextMenu: (event) => {
      if (byTouch.current) event.preventDefault()
    },
    // The finger that lifts after it does not press a link or a button, too.
    onClickCapture: (event) => {
      if (!ran.current) return
      ran.current = false
      event.preventDefault()
      event.stopPropagation()
    },
  }
}
