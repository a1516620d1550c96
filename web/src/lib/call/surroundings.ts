/** What calls are made with: the browser's parts, or what tests put in their place. */
import { type Parts } from "./conversation.ts"
import { type Devices, openDevices } from "./devices.ts"
import { Link } from "./link.ts"
import { canSeal, startSealing } from "./sealing.ts"

export interface Surroundings extends Parts {
  devices: Devices
  /** Frames can be sealed here. */
  supported: boolean
}

export function browser(): Surroundings {
  return {
    startSealing,
    makeLink: (options) => new Link(options),
    devices: openDevices(),
    supported: canSeal(),
  }
}
