/** What the browser says of the network; silent where there is no browser. */

const page: Partial<Pick<Window, "addEventListener" | "removeEventListener">> = globalThis

/** Listens until the returned function is called. */
export function onPage(change: "online" | "offline" | "pagehide" | "visibilitychange", then: () => void): () => void {
  page.addEventListener?.(change, then)
  return () => page.removeEventListener?.(change, then)
}

/** True only when the browser is sure. */
export function isOffline(): boolean {
  const here: { navigator?: { onLine?: boolean } } = globalThis
  return here.navigator?.onLine === false
}

export function onNetwork(change: "online" | "offline", then: () => void): () => void {
  return onPage(change, then)
}
