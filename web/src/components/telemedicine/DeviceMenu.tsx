import { type CallError, type DeviceDesk } from "../../lib/call/types"
import { DeviceTrial } from "./DeviceTrial"
import "./devices.css"

/** The devices during a call: what they give at the moment, and others to choose. */
export default function DeviceMenu({ desk }: { desk: DeviceDesk }) {
  const failed = (kind: CallError["about"]): boolean => desk.errors.value.some(({ about }) => about === kind)
  return (
    <div class="device-check">
      <DeviceTrial
        desk={desk}
        onAgain={() => void desk.checkDevices({ audio: failed("microphone"), video: failed("camera") })}
      />
    </div>
  )
}
