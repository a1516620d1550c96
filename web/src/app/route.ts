/** Which page an address shows. */
import { signal } from "@preact/signals"

export type Route =
  | { page: "dashboard" }
  | { page: "sign-in" }
  | { page: "telemedicine"; id: string }
  /** An address of a visit that lost a piece. */
  | { page: "broken-link" }
  | { page: "nowhere" }

export function routeOf(path: string): Route {
  if (path === "/") return { page: "dashboard" }
  if (path === "/sign-in") return { page: "sign-in" }
  const id = /^\/telemedicine\/([A-Za-z0-9_-]{21}[AQgw])$/.exec(path)?.[1]
  if (id !== undefined) return { page: "telemedicine", id }
  return { page: path.startsWith("/telemedicine/") ? "broken-link" : "nowhere" }
}

const known: ReadonlySet<Route["page"]> = new Set(["dashboard", "sign-in", "telemedicine"])

export const path = signal(location.pathname)

/** Goes to another page of the client without loading it anew. */
export function goTo(to: string): void {
  history.pushState(null, "", to)
  path.value = location.pathname
}

/** Whether a click on a link is meant for this tab. */
export const isPlain = ({ button, metaKey, ctrlKey, shiftKey }: MouseEvent): boolean =>
  button === 0 && !metaKey && !ctrlKey && !shiftKey

/** Follows the browser's back button and plain clicks on links within the client. */
export function followHistory(): void {
  window.addEventListener("popstate", () => (path.value = location.pathname))
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || !isPlain(event)) return
    const link = event.target instanceof Element ? event.target.closest("a") : null
    if (!link || link.target || link.download || link.origin !== location.origin || link.hash) return
    if (!known.has(routeOf(link.pathname).page)) return
    event.preventDefault()
    goTo(link.pathname)
  })
}

/** Takes the secret part out of the address bar, and out of the history. */
export const dropFragment = (): void => history.replaceState(null, "", location.pathname)
