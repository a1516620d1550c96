/** Where the focus goes when what had it is gone: somewhere near, never to the top of the page without a word. */

const places =
  "h1, h2, h3, a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex='0']"

/** What had the focus last and what it stood in, from the inside out. */
let chain: readonly Element[] = []
/** Where the focus was put here, and nobody has moved it since. */
let landing: Element | undefined
let due = false

const isShown = (element: Element): boolean => {
  const { width, height } = element.getBoundingClientRect()
  return width > 1 && height > 1
}
const holds = (element: Element): boolean => element.isConnected && isShown(element) && !element.matches(":disabled")
const nowhere = (): boolean => document.activeElement === null || document.activeElement === document.body

/** Whether nothing that the person chose has the focus. */
export const focusIsLost = (): boolean => nowhere() || document.activeElement === landing

function catchIt(): void {
  due = false
  const [last, ...around] = chain
  if (!nowhere() || !last) return
  // It is still there: the person took the focus away.
  if (holds(last)) {
    chain = []
    return
  }
  for (const within of around.filter((each) => each.isConnected)) {
    const place = [...within.querySelectorAll<HTMLElement>(places)].find(
      (each) => isShown(each) && !each.matches(".skip, .incoming *, .toasts *, .rows li *"),
    )
    if (!place) continue
    if (!place.matches("a, button, input, select, textarea, summary")) place.tabIndex = -1
    // Who reads is not moved.
    place.focus({ preventScroll: true })
    landing = place
    return
  }
}

/** Begins to watch over the focus of this page. */
export function keepFocus(): void {
  const later = (): void => {
    if (due) return
    due = true
    // The browser takes the focus from what is hidden or disabled with the next picture only.
    requestAnimationFrame(() => requestAnimationFrame(catchIt))
  }
  document.addEventListener("focusin", ({ target }) => {
    landing = undefined
    if (!(target instanceof Element)) return
    const upwards: Element[] = []
    for (let each: Element | null = target; each && each !== document.body; each = each.parentElement) upwards.push(each)
    chain = upwards
  })
  document.addEventListener("focusout", later)
  new MutationObserver(later).observe(document.body, {
    childList: true,
    subtree: true,
    attributeFilter: ["hidden", "disabled"],
  })
}
