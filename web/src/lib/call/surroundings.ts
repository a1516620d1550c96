/** What calls are made with: the browser's parts, or what tests put in their place. */
import { type Parts } from "./conversation.ts"
import { type Devices, openDevices } from "./devices.ts"
import { Link } from "./link.ts"
import { canSeal, startSealing } from "./sealing.ts"

export interface Surroundings extends Parts {
  devices: Devices
  /** Frames can be sealed here. */
  supported: boolean
  /** Listens for another network, or one that is back, until the returned function is called. */
  onNetwork(then: () => void): () => void
  /** Calls when this page is looked at, now or later, until the returned function is called. */
  onFocus(then: () => void): () => void
}

export function browser(): Surroundings {
  return {
    startSealing,
    makeLink: (options) => new Link(options),
    devices: openDevices(),
    supported: canSeal(),
    onNetwork,
    onFocus,
  }
}

function onNetwork(then: () => void): () => void {
  // Not in all browsers.
  const { connection } = navigator as Navigator & { connection?: EventTarget }
  window.addEventListener("online", then)
  connection?.addEventListener("change", then)
  return () => {
    window.removeEventListener("online", then)
    connection?.removeEventListener("change", then)
  }
}

function onFocus(then: () => void): () => void {
  if (document.hasFocus()) then()
  window.addEventListener("focus", then)
  return () => window.removeEventListener("focus", then)
}
