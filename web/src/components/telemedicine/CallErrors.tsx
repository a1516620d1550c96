import { type Calls } from "../../lib/call/types"
import { DeviceErrors } from "./DeviceCheck"

/** Trouble with a device during a call; it goes away by itself when the device works. */
export default function CallErrors({ calls }: { calls: Calls }) {
  const errors = calls.errors.value
  return errors.length > 0 ? (
    <div class="call-errors">
      <DeviceErrors errors={errors} />
    </div>
  ) : null
}
