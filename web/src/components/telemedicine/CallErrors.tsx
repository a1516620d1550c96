import { type Calls } from "../../lib/call/types"
import { DeviceNews } from "./DeviceNews"
import { DeviceErrors } from "./DeviceHelp"
import { LineNotice } from "./LineNotice"

/** Trouble with the line or a device during a call, which goes away by itself, and devices that come and go. */
export default function CallErrors({ calls, onWrite }: { calls: Calls; onWrite: () => void }) {
  return (
    <div class="call-errors">
      <LineNotice calls={calls} onWrite={onWrite} />
      <DeviceErrors errors={calls.errors.value} />
      <DeviceNews calls={calls} />
    </div>
  )
}
